#include "proxy/dns/name_addresses.h"

#include <algorithm>
#include <array>

namespace sallyport::dns {
namespace {

// 198.18.0.0; slot 0 is the address after it.
constexpr uint32_t kV4Base = (198u << 24) | (18u << 16);
constexpr uint32_t kV4Mask = 0xfffe0000;
// A prefix of our own within fd00::/8; the slot is in the last four bytes.
constexpr std::array<uint8_t, 12> kV6Prefix = {0xfd, 0x53, 0x61, 0x6c, 0x6c, 0x79,
                                               0,    0,    0,    0,    0,    0};

IpAddress V4Of(uint32_t slot) {
  const uint32_t value = kV4Base + slot + 1;
  return IpAddress::V4({static_cast<uint8_t>(value >> 24), static_cast<uint8_t>(value >> 16),
                        static_cast<uint8_t>(value >> 8), static_cast<uint8_t>(value)});
}

IpAddress V6Of(uint32_t slot) {
  std::array<uint8_t, 16> bytes = {};
  std::copy(kV6Prefix.begin(), kV6Prefix.end(), bytes.begin());
  const uint32_t value = slot + 1;
  for (int i = 0; i < 4; ++i) bytes[15 - i] = static_cast<uint8_t>(value >> (8 * i));
  return IpAddress::V6(bytes);
}

uint32_t LastFour(std::span<const uint8_t> bytes) {
  uint32_t value = 0;
  for (uint8_t byte : bytes.last(4)) value = (value << 8) | byte;
  return value;
}

// The slot that `address` would be of plus one; nothing where it is not one of ours.
std::optional<uint32_t> NumberOf(const IpAddress& address) {
  const uint32_t last = LastFour(address.bytes());
  if (address.is_v4()) {
    if ((last & kV4Mask) != kV4Base) return std::nullopt;
    return last - kV4Base;
  }
  if (!std::equal(kV6Prefix.begin(), kV6Prefix.end(), address.bytes().begin())) return std::nullopt;
  return last;
}

}  // namespace

NameAddresses::NameAddresses(size_t capacity) : capacity_(capacity) {}

NameAddresses::Addresses NameAddresses::AddressesOf(std::string_view name) {
  absl::MutexLock lock(&mutex_);
  const auto known = by_name_.find(name);
  if (known != by_name_.end()) {
    entries_.splice(entries_.begin(), entries_, known->second);
  } else if (entries_.size() < capacity_) {
    entries_.push_front({std::string(name), static_cast<uint32_t>(by_slot_.size())});
    by_slot_.push_back(entries_.begin());
    by_name_.emplace(entries_.front().name, entries_.begin());
  } else {
    entries_.splice(entries_.begin(), entries_, std::prev(entries_.end()));
    by_name_.erase(entries_.front().name);
    entries_.front().name = name;
    by_name_.emplace(entries_.front().name, entries_.begin());
  }
  const uint32_t slot = entries_.front().slot;
  return {V4Of(slot), V6Of(slot)};
}

std::optional<std::string> NameAddresses::NameOf(const IpAddress& address) const {
  const std::optional<uint32_t> number = NumberOf(address);
  if (!number.has_value() || *number == 0) return std::nullopt;
  absl::MutexLock lock(&mutex_);
  if (*number > by_slot_.size()) return std::nullopt;
  return by_slot_[*number - 1]->name;
}

bool NameAddresses::IsSynthetic(const IpAddress& address) { return NumberOf(address).has_value(); }

}  // namespace sallyport::dns

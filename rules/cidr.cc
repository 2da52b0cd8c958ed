#include "rules/cidr.h"

#include <algorithm>
#include <array>

#include <fmt/core.h>

namespace sallyport::rules {
namespace {

std::optional<uint8_t> ParsePrefix(std::string_view text, size_t max) {
  if (text.empty() || text.size() > 3) return std::nullopt;
  size_t prefix = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    prefix = prefix * 10 + static_cast<size_t>(c - '0');
  }
  if (prefix > max) return std::nullopt;
  return static_cast<uint8_t>(prefix);
}

}  // namespace

IpAddress Masked(const IpAddress& address, uint8_t prefix) {
  std::array<uint8_t, 16> bytes = {};
  const std::span<const uint8_t> source = address.bytes();
  for (size_t i = 0; i < source.size(); ++i) {
    const int kept = std::clamp<int>(prefix - static_cast<int>(8 * i), 0, 8);
    bytes[i] = static_cast<uint8_t>(source[i] & (0xff00 >> kept));
  }
  if (address.is_v4()) return IpAddress::V4({bytes[0], bytes[1], bytes[2], bytes[3]});
  return IpAddress::V6(bytes);
}

absl::StatusOr<Cidr> Cidr::Parse(std::string_view text, bool* had_host_bits) {
  const size_t slash = text.find('/');
  const std::optional<IpAddress> address = IpAddress::Parse(text.substr(0, slash));
  if (!address.has_value()) {
    return absl::InvalidArgumentError(
        "not an address range; write it as \"192.0.2.0/24\" or \"2001:db8::/32\"");
  }
  Cidr range;
  range.base = *address;
  const size_t bits = 8 * address->bytes().size();
  range.prefix = static_cast<uint8_t>(bits);
  if (slash != text.npos) {
    const std::optional<uint8_t> prefix = ParsePrefix(text.substr(slash + 1), bits);
    if (!prefix.has_value()) {
      return absl::InvalidArgumentError(
          fmt::format("what follows '/' must be a number of bits from 0 to {}", bits));
    }
    range.prefix = *prefix;
  }
  if (range.base.Unmapped() != range.base && range.prefix >= 96) {
    range.base = range.base.Unmapped();
    range.prefix = static_cast<uint8_t>(range.prefix - 96);
  }
  const IpAddress masked = Masked(range.base, range.prefix);
  if (had_host_bits != nullptr) *had_host_bits = masked != range.base;
  range.base = masked;
  return range;
}

bool Cidr::Contains(const IpAddress& address) const {
  return address.is_v4() == base.is_v4() && Masked(address, prefix) == base;
}

std::string Cidr::ToString() const { return fmt::format("{}/{}", base.ToString(), prefix); }

CidrTable::Bits CidrTable::Mask(uint8_t prefix) {
  const auto ones = [](int count) {
    return count <= 0 ? uint64_t{0} : ~uint64_t{0} << (64 - std::min(count, 64));
  };
  return {.high = ones(prefix), .low = ones(prefix - 64)};
}

void CidrTable::Add(const Cidr& range, uint32_t id) {
  std::vector<Level>& levels = range.base.is_v4() ? v4_ : v6_;
  auto at = std::find_if(levels.begin(), levels.end(),
                         [&range](const Level& level) { return level.prefix <= range.prefix; });
  if (at == levels.end() || at->prefix != range.prefix) {
    at = levels.insert(at, Level{.prefix = range.prefix, .mask = Mask(range.prefix), .ranges = {}});
  }
  at->ranges[ToBits(range.base)].push_back(id);
}

std::optional<uint32_t> CidrTable::FindNarrowest(const IpAddress& address) const {
  std::optional<uint32_t> found;
  ForEachMatch(address, [&found](uint32_t id, uint8_t) {
    if (!found.has_value()) found = id;
  });
  return found;
}

}  // namespace sallyport::rules

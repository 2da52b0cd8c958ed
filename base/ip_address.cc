#include "base/ip_address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

#include <fmt/core.h>

namespace sallyport {

IpAddress IpAddress::V4(const std::array<uint8_t, 4>& bytes) {
  IpAddress address;
  std::copy(bytes.begin(), bytes.end(), address.bytes_.begin());
  return address;
}

IpAddress IpAddress::V6(const std::array<uint8_t, 16>& bytes) {
  IpAddress address;
  address.is_v6_ = true;
  address.bytes_ = bytes;
  return address;
}

std::optional<IpAddress> IpAddress::Parse(std::string_view text) {
  char buffer[INET6_ADDRSTRLEN];
  if (text.size() >= sizeof(buffer) || text.find('\0') != text.npos) return std::nullopt;
  std::memcpy(buffer, text.data(), text.size());
  buffer[text.size()] = '\0';
  IpAddress address;
  if (inet_pton(AF_INET, buffer, address.bytes_.data()) == 1) return address;
  address.is_v6_ = true;
  if (inet_pton(AF_INET6, buffer, address.bytes_.data()) == 1) return address;
  return std::nullopt;
}

std::optional<IpAddress> IpAddress::FromSockaddr(const sockaddr* address) {
  IpAddress result;
  if (address->sa_family == AF_INET) {
    std::memcpy(result.bytes_.data(), &reinterpret_cast<const sockaddr_in*>(address)->sin_addr, 4);
    return result;
  }
  if (address->sa_family == AF_INET6) {
    result.is_v6_ = true;
    std::memcpy(result.bytes_.data(), &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr,
                16);
    return result;
  }
  return std::nullopt;
}

std::optional<IpAddress> IpAddress::EmbeddedV4() const {
  if (!is_v6_) return *this;
  static constexpr std::array<uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  static constexpr std::array<uint8_t, 12> kNat64 = {0, 0x64, 0xff, 0x9b};
  const auto tail = [this](size_t offset) {
    return V4({bytes_[offset], bytes_[offset + 1], bytes_[offset + 2], bytes_[offset + 3]});
  };
  if (std::equal(kMapped.begin(), kMapped.end(), bytes_.begin())) return tail(12);
  if (std::equal(kNat64.begin(), kNat64.end(), bytes_.begin())) return tail(12);
  if (bytes_[0] == 0x20 && bytes_[1] == 0x02) return tail(2);
  return std::nullopt;
}

IpAddress IpAddress::Unmapped() const {
  const bool mapped =
      is_v6_ && bytes_[10] == 0xff && bytes_[11] == 0xff &&
      std::all_of(bytes_.begin(), bytes_.begin() + 10, [](uint8_t byte) { return byte == 0; });
  return mapped ? *EmbeddedV4() : *this;
}

std::string IpAddress::ToString() const {
  char buffer[INET6_ADDRSTRLEN];
  inet_ntop(is_v6_ ? AF_INET6 : AF_INET, bytes_.data(), buffer, sizeof(buffer));
  return buffer;
}

socklen_t IpAddress::ToSockaddr(uint16_t port, sockaddr_storage* storage) const {
  std::memset(storage, 0, sizeof(*storage));
  if (is_v6_) {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(storage);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    std::memcpy(&v6->sin6_addr, bytes_.data(), 16);
    return sizeof(*v6);
  }
  auto* v4 = reinterpret_cast<sockaddr_in*>(storage);
  v4->sin_family = AF_INET;
  v4->sin_port = htons(port);
  std::memcpy(&v4->sin_addr, bytes_.data(), 4);
  return sizeof(*v4);
}

std::string FormatHostPort(std::string_view host, uint16_t port) {
  if (host.find(':') != host.npos) return fmt::format("[{}]:{}", host, port);
  return fmt::format("{}:{}", host, port);
}

}  // namespace sallyport

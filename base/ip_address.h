#ifndef SALLYPORT_BASE_IP_ADDRESS_H_
#define SALLYPORT_BASE_IP_ADDRESS_H_

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sallyport {

// An IPv4 or IPv6 address in network byte order. A value type.
class IpAddress {
 public:
  // 0.0.0.0
  IpAddress() = default;
  static IpAddress V4(const std::array<uint8_t, 4>& bytes);
  static IpAddress V6(const std::array<uint8_t, 16>& bytes);
  // Dotted quad or RFC 4291 text, without brackets, port or zone; nothing else.
  static std::optional<IpAddress> Parse(std::string_view text);
  // From a sockaddr_in or sockaddr_in6; nothing for other families.
  static std::optional<IpAddress> FromSockaddr(const sockaddr* address);

  bool is_v4() const { return !is_v6_; }
  std::span<const uint8_t> bytes() const { return {bytes_.data(), is_v6_ ? 16u : 4u}; }

  // The IPv4 address that this one stands for: itself when it is IPv4; for IPv6 the one carried by
  // an IPv4-mapped (::ffff:0:0/96), NAT64 (64:ff9b::/96, RFC 6052) or 6to4 (2002::/16, RFC 3056)
  // address. Otherwise nothing.
  std::optional<IpAddress> EmbeddedV4() const;
  // Plain IPv4 if this is IPv4-mapped IPv6, otherwise itself.
  IpAddress Unmapped() const;

  // RFC 5952 text, without brackets.
  std::string ToString() const;
  // Fills `storage`; returns the length to pass with it.
  socklen_t ToSockaddr(uint16_t port, sockaddr_storage* storage) const;

  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;

 private:
  bool is_v6_ = false;
  std::array<uint8_t, 16> bytes_ = {};
};

// "192.0.2.1:80", "[2001:db8::1]:80".
std::string FormatHostPort(std::string_view host, uint16_t port);

}  // namespace sallyport

#endif  // SALLYPORT_BASE_IP_ADDRESS_H_

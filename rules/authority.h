#ifndef SALLYPORT_RULES_AUTHORITY_H_
#define SALLYPORT_RULES_AUTHORITY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/ip_address.h"

namespace sallyport::rules {

// Of a URL that names none (RFC 9110 §4.2).
inline constexpr uint16_t kHttpPort = 80;
inline constexpr uint16_t kHttpsPort = 443;

// A host in canonical form: ASCII lower case, U-labels as A-labels (UTS 46), no trailing dot; an
// IPv4 address in any inet_aton(3) spelling and IPv4-mapped IPv6 as dotted quad; IPv6 as RFC 5952
// text without brackets.
struct Host {
  std::string name;
  // Set when the host is an address literal.
  std::optional<IpAddress> address;

  friend bool operator==(const Host&, const Host&) = default;
};

struct Authority {
  Host host;
  uint16_t port = 0;

  // "example.com:443", "[2001:db8::1]:443".
  std::string ToString() const { return FormatHostPort(host.name, port); }
  friend bool operator==(const Authority&, const Authority&) = default;
};

// The canonical form of `text`: a reg-name, an IPv4 address, or IPv6 in brackets. Refuses what has
// none: empty labels, control bytes, spaces, '%', '@', '/', IPv6 without brackets, names over 253
// bytes, labels over 63. Errors say what was wrong and are fit to show the client.
absl::StatusOr<Host> ParseHost(std::string_view text);

// "host" or "host:port" (RFC 3986 §3.2, without userinfo). Without a port, `default_port`; if that
// is absent too, an error. Ports are 1–65535, digits only.
absl::StatusOr<Authority> ParseAuthority(std::string_view text,
                                         std::optional<uint16_t> default_port);

// 1–65535, digits only.
absl::StatusOr<uint16_t> ParsePort(std::string_view text);

}  // namespace sallyport::rules

#endif  // SALLYPORT_RULES_AUTHORITY_H_

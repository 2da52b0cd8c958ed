#include "rules/authority.h"

#include "base/status.h"
#include "rules/host_name.h"

namespace sallyport::rules {
namespace {

absl::StatusOr<Host> ParseBracketed(std::string_view text) {
  if (text.size() < 2 || !text.ends_with(']')) {
    return absl::InvalidArgumentError("the host has '[' without ']'");
  }
  const std::optional<IpAddress> address = IpAddress::Parse(text.substr(1, text.size() - 2));
  if (!address.has_value() || address->is_v4()) {
    return absl::InvalidArgumentError("what stands in brackets is not an IPv6 address");
  }
  Host host;
  host.address = address->Unmapped();
  host.name = host.address->ToString();
  return host;
}

}  // namespace

absl::StatusOr<uint16_t> ParsePort(std::string_view text) {
  uint32_t port = 0;
  if (text.size() <= 5 && text.find_first_not_of("0123456789") == text.npos) {
    for (const char c : text) port = port * 10 + static_cast<uint32_t>(c - '0');
  }
  if (port == 0 || port > UINT16_MAX) {
    return absl::InvalidArgumentError("the port is not a number from 1 to 65535");
  }
  return static_cast<uint16_t>(port);
}

absl::StatusOr<Host> ParseHost(std::string_view text) {
  if (text.starts_with('[')) return ParseBracketed(text);
  if (text.find(':') != text.npos) {
    return absl::InvalidArgumentError(
        "a host cannot hold ':'; an IPv6 address is written in brackets, as [2001:db8::1]");
  }
  Host host;
  ASSIGN_OR_RETURN(host.name, CanonicalName(text));
  if (EndsInNumber(host.name)) {
    host.address = ParseLooseV4(host.name);
    if (!host.address.has_value()) {
      return absl::InvalidArgumentError("the host ends in a number but is not an IPv4 address");
    }
    host.name = host.address->ToString();
  }
  return host;
}

absl::StatusOr<Authority> ParseAuthority(std::string_view text,
                                         std::optional<uint16_t> default_port) {
  // The colon before a port is the one after the brackets, or the only one there is; of several
  // ParseHost gives the error.
  const size_t bracket = text.starts_with('[') ? text.find(']') : text.npos;
  size_t colon = text.find(':', bracket == text.npos ? 0 : bracket);
  if (bracket != text.npos && colon != bracket + 1 && bracket + 1 != text.size()) {
    return absl::InvalidArgumentError("after an address in brackets only a port can follow");
  }
  if (bracket == text.npos && colon != text.npos && text.find(':', colon + 1) != text.npos) {
    colon = text.npos;
  }
  Authority authority;
  ASSIGN_OR_RETURN(authority.host, ParseHost(text.substr(0, colon)));
  if (colon != text.npos) {
    ASSIGN_OR_RETURN(authority.port, ParsePort(text.substr(colon + 1)));
  } else if (default_port.has_value()) {
    authority.port = *default_port;
  } else {
    return absl::InvalidArgumentError("the port is missing");
  }
  return authority;
}

}  // namespace sallyport::rules

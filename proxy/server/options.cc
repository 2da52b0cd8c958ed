#include <fmt/core.h>

#include <charconv>

#include "base/status.h"
#include "proxy/server/server.h"
#include "rules/authority.h"

namespace sallyport::proxy {
namespace {

// Splits "HOST:PORT" off the front of `*rest`, IPv6 in brackets; the rest begins behind its colon.
bool TakeHostPort(std::string_view* rest, std::string_view* host, std::string_view* port) {
  size_t end = 0;
  if (rest->starts_with('[')) {
    end = rest->find(']');
    if (end == rest->npos) return false;
    ++end;
  } else {
    end = rest->find(':');
  }
  if (end == rest->npos || end >= rest->size() || (*rest)[end] != ':') return false;
  *host = rest->substr(0, end);
  rest->remove_prefix(end + 1);
  const size_t port_end = rest->find(':');
  *port = rest->substr(0, port_end);
  rest->remove_prefix(port_end == rest->npos ? rest->size() : port_end + 1);
  return true;
}

bool ParsePort(std::string_view text, uint16_t* port) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *port);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

absl::StatusOr<ListenAddress> ListenAddress::Parse(std::string_view text) {
  ListenAddress result;
  static constexpr std::string_view kUnix = "unix:";
  if (text.starts_with(kUnix)) {
    result.unix_path = text.substr(kUnix.size());
    if (result.unix_path.empty()) {
      return absl::InvalidArgumentError(fmt::format("'{}' names no path; write unix:PATH", text));
    }
    return result;
  }
  std::string_view rest = text;
  std::string_view host;
  std::string_view port;
  if (!TakeHostPort(&rest, &host, &port) || !rest.empty() || !ParsePort(port, &result.port)) {
    return absl::InvalidArgumentError(fmt::format(
        "'{}' is not ADDR:PORT or unix:PATH; examples: 127.0.0.1:3128, [::1]:0, unix:/run/p.sock",
        text));
  }
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  const std::optional<IpAddress> address =
      IpAddress::Parse(host == "localhost" ? std::string_view("127.0.0.1") : host);
  if (!address.has_value()) {
    return absl::InvalidArgumentError(
        fmt::format("'{}': '{}' is not an IP address of this machine", text, host));
  }
  result.address = *address;
  return result;
}

absl::StatusOr<ConnectTo> ConnectTo::Parse(std::string_view text) {
  const auto malformed = [text](std::string_view why) {
    return absl::InvalidArgumentError(fmt::format(
        "'{}' is not HOST:PORT:ADDR:PORT ({}); example: api.example.com:443:127.0.0.1:8443", text,
        why));
  };
  std::string_view rest = text;
  std::string_view host;
  std::string_view port;
  std::string_view target_host;
  std::string_view target_port;
  if (!TakeHostPort(&rest, &host, &port) || !TakeHostPort(&rest, &target_host, &target_port) ||
      !rest.empty()) {
    return malformed("it needs four parts");
  }
  const auto authority = rules::ParseAuthority(fmt::format("{}:{}", host, port), std::nullopt);
  if (!authority.ok()) return malformed(Message(authority.status()));
  const auto target =
      rules::ParseAuthority(fmt::format("{}:{}", target_host, target_port), std::nullopt);
  if (!target.ok()) return malformed(Message(target.status()));
  return ConnectTo{authority->host.name, authority->port, target->host.name, target->port};
}

}  // namespace sallyport::proxy

#include "proxy/upstream/upstream_proxy.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "base/hex.h"
#include "base/ip_address.h"
#include "base/status.h"

namespace sallyport::upstream {
namespace {

using rules::kHttpPort;
using rules::kHttpsPort;

// Takes ":PORT" off the end of a NO_PROXY entry. IPv6 has a port only behind its brackets.
std::optional<uint16_t> TakePort(std::string_view* entry) {
  const size_t colon = entry->rfind(':');
  if (colon == entry->npos) return std::nullopt;
  const bool is_bare_ipv6 = entry->find(':') != colon && !entry->starts_with('[');
  if (is_bare_ipv6 || entry->ends_with(']')) return std::nullopt;
  const absl::StatusOr<uint16_t> port = rules::ParsePort(entry->substr(colon + 1));
  if (!port.ok()) return std::nullopt;
  entry->remove_suffix(entry->size() - colon);
  return *port;
}

bool IsSubdomainOrSame(std::string_view host, std::string_view domain) {
  return host.ends_with(domain) &&
         (host.size() == domain.size() || host[host.size() - domain.size() - 1] == '.');
}

std::optional<std::string> PercentDecode(std::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded.push_back(text[i]);
      continue;
    }
    if (i + 2 >= text.size() || HexDigit(text[i + 1]) < 0 || HexDigit(text[i + 2]) < 0) {
      return std::nullopt;
    }
    decoded.push_back(static_cast<char>(HexDigit(text[i + 1]) << 4 | HexDigit(text[i + 2])));
    i += 2;
  }
  return decoded;
}

// RFC 7617, from the userinfo of a URL.
absl::StatusOr<SecretString> BasicAuthorization(std::string_view userinfo) {
  const size_t colon = std::min(userinfo.find(':'), userinfo.size());
  const std::optional<std::string> user = PercentDecode(userinfo.substr(0, colon));
  std::optional<std::string> password =
      PercentDecode(userinfo.substr(std::min(colon + 1, userinfo.size())));
  if (!user.has_value() || !password.has_value()) {
    return absl::InvalidArgumentError("the user or password has a malformed percent-escape");
  }
  std::string pair = *user + ":" + *password;
  std::string encoded = absl::Base64Escape(pair);
  std::string value = "Basic " + encoded;
  SecretString result(value);
  for (std::string* text : {&*password, &pair, &encoded, &value}) WipeString(text);
  return result;
}

}  // namespace

absl::StatusOr<NoProxyList> NoProxyList::Parse(std::string_view text) {
  NoProxyList list;
  constexpr std::string_view kSeparators = ", \t";
  while (true) {
    text.remove_prefix(std::min(text.find_first_not_of(kSeparators), text.size()));
    if (text.empty()) return list;
    std::string_view entry = text.substr(0, text.find_first_of(kSeparators));
    text.remove_prefix(entry.size());
    const std::string_view whole = entry;
    if (entry == "*") {
      list.everything_ = true;
      continue;
    }
    const std::optional<uint16_t> port = TakePort(&entry);
    if (entry.starts_with('[') && entry.ends_with(']')) entry = entry.substr(1, entry.size() - 2);
    if (const auto range = rules::Cidr::Parse(entry); range.ok()) {
      list.ranges_.push_back({*range, port});
      continue;
    }
    if (entry.starts_with("*.")) entry.remove_prefix(1);
    if (entry.starts_with('.')) entry.remove_prefix(1);
    const absl::StatusOr<rules::Host> host = rules::ParseHost(entry);
    if (!host.ok()) {
      return absl::InvalidArgumentError(
          fmt::format("'{}' is no host, address or range: {}", whole, Message(host.status())));
    }
    list.names_.push_back({host->name, port});
  }
}

bool NoProxyList::Contains(const rules::Authority& authority) const {
  if (everything_) return true;
  const auto fits = [&authority](const std::optional<uint16_t>& port) {
    return !port.has_value() || *port == authority.port;
  };
  if (authority.host.address.has_value()) {
    return std::any_of(ranges_.begin(), ranges_.end(), [&](const Range& range) {
      return fits(range.port) && range.cidr.Contains(*authority.host.address);
    });
  }
  return std::any_of(names_.begin(), names_.end(), [&](const Name& entry) {
    return fits(entry.port) && IsSubdomainOrSame(authority.host.name, entry.name);
  });
}

absl::StatusOr<UpstreamProxy> UpstreamProxy::Parse(std::string_view url,
                                                   std::string_view no_proxy) {
  UpstreamProxy proxy;
  if (const size_t mark = url.find("://"); mark != url.npos) {
    const std::string scheme = absl::AsciiStrToLower({url.data(), mark});
    if (scheme != "http" && scheme != "https") {
      return absl::InvalidArgumentError(
          fmt::format("'{}' is no kind of proxy that can be used; http and https are", scheme));
    }
    proxy.tls = scheme == "https";
    url.remove_prefix(mark + 3);
  }
  if (const size_t at = url.rfind('@'); at != url.npos) {
    ASSIGN_OR_RETURN(proxy.authorization, BasicAuthorization(url.substr(0, at)));
    url.remove_prefix(at + 1);
  }
  if (url.ends_with('/')) url.remove_suffix(1);
  absl::StatusOr<rules::Authority> authority =
      rules::ParseAuthority(url, proxy.tls ? kHttpsPort : kHttpPort);
  if (!authority.ok()) {
    return absl::InvalidArgumentError(
        fmt::format("no valid host and port ({}); example: http://proxy.example.com:3128",
                    Message(authority.status())));
  }
  proxy.authority = *std::move(authority);
  ASSIGN_OR_RETURN(proxy.bypass, NoProxyList::Parse(no_proxy));
  return proxy;
}

}  // namespace sallyport::upstream

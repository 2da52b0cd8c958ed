#ifndef SALLYPORT_PROXY_UPSTREAM_UPSTREAM_PROXY_H_
#define SALLYPORT_PROXY_UPSTREAM_UPSTREAM_PROXY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/secret.h"
#include "rules/authority.h"
#include "rules/cidr.h"

namespace sallyport::upstream {

// Hosts that are reached without the upstream proxy, in the NO_PROXY syntax that curl and Go share:
// names (with their subdomains, a leading dot changes nothing), addresses, CIDR ranges, each with
// an optional port, or "*"; separated by commas or spaces.
class NoProxyList {
 public:
  static absl::StatusOr<NoProxyList> Parse(std::string_view text);

  bool Contains(const rules::Authority& authority) const;

 private:
  struct Name {
    std::string name;
    std::optional<uint16_t> port;
  };
  struct Range {
    rules::Cidr cidr;
    std::optional<uint16_t> port;
  };

  bool everything_ = false;
  std::vector<Name> names_;
  std::vector<Range> ranges_;
};

// Another HTTP proxy that this one goes out through.
struct UpstreamProxy {
  bool tls = false;
  rules::Authority authority;
  // Of Proxy-Authorization, "Basic …"; empty where the URL has no user.
  SecretString authorization;
  NoProxyList bypass;

  // "http://[USER:PASSWORD@]HOST[:PORT]", https for TLS to the proxy itself; no scheme means http.
  // USER and PASSWORD are percent-decoded. Errors never hold them.
  static absl::StatusOr<UpstreamProxy> Parse(std::string_view url, std::string_view no_proxy);
};

}  // namespace sallyport::upstream

#endif  // SALLYPORT_PROXY_UPSTREAM_UPSTREAM_PROXY_H_

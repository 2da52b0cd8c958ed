#ifndef SALLYPORT_PROXY_EXCHANGE_REQUEST_POLICY_H_
#define SALLYPORT_PROXY_EXCHANGE_REQUEST_POLICY_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/container/inlined_vector.h"
#include "proxy/exchange/exchange_context.h"
#include "proxy/http/local_reply.h"
#include "proxy/http/message.h"

namespace sallyport::proxy {

// Where a request goes and what it is given, once it may go.
struct RequestPlan {
  std::shared_ptr<const Snapshot> snapshot;
  rules::Authority authority;
  bool tls = false;
  rules::HostDecision decision;
  // Rules whose domain matches, whatever the request's method and path.
  rules::RuleIndexes candidates;
  // Rules that write into this request, in file order.
  rules::RuleIndexes applied;
  // The path without its query, normalised; what rules and policies match.
  std::string normalized_path;
  bool path_is_normal = false;  // the path as sent is; then normalized_path is empty

  // The path that rules match, given the request's own.
  std::string_view MatchedPath(std::string_view path_without_query) const {
    return path_is_normal ? path_without_query : std::string_view(normalized_path);
  }
};

// The path up to its query.
std::string_view PathWithoutQuery(std::string_view path);

// Decides on a request, without touching it: agrees on the authority, asks the network lists, picks
// the credential rules. Fills `plan`, or returns the reply that refuses the request. Keeps what
// holds for the whole connection in `channel`.
std::optional<http::LocalReply> DecideRequest(const http::RequestHead& request, Channel* channel,
                                              const std::shared_ptr<const Snapshot>& snapshot,
                                              RequestPlan* plan);

// The reply for a host that the lists refuse; the same for requests and for CONNECT.
http::LocalReply HostDenied(const rules::Authority& authority, std::string_view by);

}  // namespace sallyport::proxy

#endif  // SALLYPORT_PROXY_EXCHANGE_REQUEST_POLICY_H_

#ifndef SALLYPORT_PROXY_EXCHANGE_REQUEST_POLICY_H_
#define SALLYPORT_PROXY_EXCHANGE_REQUEST_POLICY_H_

#include <algorithm>
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
  // What lists and policy say of the host together, and what the policy alone says.
  rules::HostDecision decision;
  rules::NetworkDecision network;
  // The policy's endpoints that let the request pass.
  rules::EndpointIndexes endpoints;
  // Set where the policy only audits: what it would have refused the request by.
  std::string_view audited_by;
  // Rules whose domain matches, whatever the request's method and path.
  rules::RuleIndexes candidates;
  // Rules that write into this request, in file order.
  rules::RuleIndexes applied;
  // Rules whose value is in this request, or may come to be in its body: written, or in the place
  // of a placeholder. Each once; complete when the request has been prepared.
  rules::RuleIndexes carried;
  // The path without its query, normalised; what rules and policies match.
  std::string normalized_path;
  bool path_is_normal = false;  // the path as sent is; then normalized_path is empty

  void AddCarried(uint16_t rule) {
    if (std::find(carried.begin(), carried.end(), rule) == carried.end()) carried.push_back(rule);
  }

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

// Decides whether a way to `channel->authority` may be opened, before anything is known of the
// requests on it. Keeps in `channel` what holds for the whole connection, or returns the refusal.
std::optional<http::LocalReply> DecideOpening(const std::shared_ptr<const Snapshot>& snapshot,
                                              Channel* channel);

// Whether `network`, which `channel` was refused by, would be another decision if it were known who
// the client is: then ask its identity, and decide again.
bool WantsIdentity(const rules::NetworkDecision& network, const Channel& channel);

// Whether lists and policy let anybody reach `authority`, whatever is asked of it there.
bool AllowsHost(const Snapshot& snapshot, const rules::Authority& authority);

// Which addresses may be dialled for a request, and for a tunnel.
upstream::AddressGate GateOf(const RequestPlan& plan);
upstream::AddressGate GateOf(const Channel& channel);

}  // namespace sallyport::proxy

#endif  // SALLYPORT_PROXY_EXCHANGE_REQUEST_POLICY_H_

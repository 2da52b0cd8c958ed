#ifndef SALLYPORT_PROXY_EXCHANGE_PLACEHOLDER_ACCESS_H_
#define SALLYPORT_PROXY_EXCHANGE_PLACEHOLDER_ACCESS_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "proxy/exchange/request_policy.h"
#include "proxy/http/local_reply.h"

namespace sallyport::proxy {

// Of the rules whose domain matches a request, those that match its method and path too. `path` as
// the client sent it.
rules::RuleIndexes MatchingRules(const RequestPlan& plan, const http::RequestHead& request);

// Which placeholders a request may carry, and why not. For one request.
class PlaceholderAccess {
 public:
  // One of `rules` must own a placeholder. `plan` outlives this.
  PlaceholderAccess(const RequestPlan* plan, rules::RuleIndexes rules)
      : plan_(plan), rules_(std::move(rules)) {}

  // The rule whose value takes the place of the placeholder of that entry of the snapshot's index;
  // nothing when the request must not carry it.
  std::optional<uint16_t> Find(size_t entry);

  // The reply for an entry that Find said no to.
  http::LocalReply Refusal(size_t entry) const;

 private:
  const RequestPlan* plan_;
  rules::RuleIndexes rules_;
  bool plaintext_ = false;
  bool unavailable_ = false;
};

}  // namespace sallyport::proxy

#endif  // SALLYPORT_PROXY_EXCHANGE_PLACEHOLDER_ACCESS_H_

#include "proxy/exchange/placeholder_access.h"

#include <fmt/core.h>

#include <algorithm>
#include <string>

namespace sallyport::proxy {

using http::LocalReply;
using http::ReplyCode;

rules::RuleIndexes MatchingRules(const RequestPlan& plan, const http::RequestHead& request) {
  rules::RuleIndexes matching;
  const std::string_view path = plan.MatchedPath(PathWithoutQuery(request.path));
  for (const uint16_t index : plan.candidates) {
    if (plan.snapshot->rules->rules()[index].Matches(request.method, path)) {
      matching.push_back(index);
    }
  }
  return matching;
}

std::optional<uint16_t> PlaceholderAccess::Find(size_t entry) {
  const Snapshot& snapshot = *plan_->snapshot;
  for (const uint16_t index : snapshot.placeholders.entries()[entry].rules) {
    if (std::find(rules_.begin(), rules_.end(), index) == rules_.end()) continue;
    const RuleCredential* credential = snapshot.credentials[index].get();
    if (credential == nullptr) continue;
    if (!credential->available) {
      unavailable_ = true;
      continue;
    }
    if (!plan_->tls && !snapshot.rules->rules()[index].plaintext) {
      plaintext_ = true;
      continue;
    }
    return index;
  }
  return std::nullopt;
}

LocalReply PlaceholderAccess::Refusal(size_t entry) const {
  const auto& owners = plan_->snapshot->placeholders.entries()[entry].rules;
  const std::string owner =
      owners.empty() ? std::string() : plan_->snapshot->rules->rules()[owners.front()].name;
  const std::string& host = plan_->authority.host.name;
  if (unavailable_) {
    return {.code = ReplyCode::kCredentialUnavailable,
            .message = fmt::format("the credential of {} cannot be had", owner),
            .host = host,
            .rule = owner,
            .hint = {}};
  }
  if (plaintext_) {
    return {
        .code = ReplyCode::kPlaintextCredential,
        .message = fmt::format("the credential of {} would go to {} over plain http", owner, host),
        .host = host,
        .rule = owner,
        .hint = {}};
  }
  return {.code = ReplyCode::kPlaceholderMisdirected,
          .message = owner.empty()
                         ? fmt::format("a placeholder that goes nowhere was sent to {}", host)
                         : fmt::format("the placeholder of {} was sent to {}", owner, host),
          .host = host,
          .rule = owner,
          .hint = {}};
}

}  // namespace sallyport::proxy

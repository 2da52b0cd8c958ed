#ifndef SALLYPORT_CLI_EXPLANATION_H_
#define SALLYPORT_CLI_EXPLANATION_H_

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "rules/authority.h"
#include "rules/policy.h"
#include "rules/rule_set.h"

namespace sallyport::cli {

// A request as `explain` is asked about it.
struct ExplainedRequest {
  std::string method = "GET";
  bool tls = true;
  rules::Authority authority;
  // Normalised and without the query; nothing where the URL's path has no normal form.
  std::optional<std::string> path;
  // What follows '?'.
  std::string query;
};

// From an http or https URL. Errors are about the URL as a user typed it.
absl::StatusOr<ExplainedRequest> ParseRequestUrl(std::string_view url, std::string_view method);

// Whether a source has a value, as far as can be told without touching it.
enum class Availability { kAvailable, kMissing, kUnknown };
using SourceProbe = std::function<Availability(const rules::CredentialSource&)>;

struct RuleOutcome {
  enum class Kind { kApplies, kSkipped, kFails, kRefused };

  const rules::CredentialRule* rule = nullptr;
  Kind kind = Kind::kSkipped;
  Availability source = Availability::kUnknown;
  // Why, in words.
  std::string reason;
};

// What would happen. Points into the RuleSet and the Policy it was made from.
struct Explanation {
  bool allowed = false;
  // The entry of the file that decided, and for an address literal the one that judged it.
  std::string by;
  // The policy's say; null where there is no policy, or the lists refuse the host already.
  const rules::NetworkPolicy* policy = nullptr;
  rules::NetworkDecision network;
  // Of the request itself, where it can be read.
  std::optional<rules::RequestDecision> request;
  enum class Handling { kRefused, kIntercepted, kTunnelled, kForwarded };
  Handling handling = Handling::kRefused;
  // The rules whose domain matches, in file order, up to the last that is looked at.
  std::vector<RuleOutcome> rules;
  // The reason code of the error reply, empty if there is none.
  std::string_view error;
};

// `policy` may be null: none.
Explanation Explain(const rules::RuleSet& rules, const rules::Policy* policy,
                    const ExplainedRequest& request, const SourceProbe& probe);

// For people, several lines; and one JSON object. Never with a credential.
std::string FormatForPeople(const ExplainedRequest& request, const Explanation& explanation);
std::string FormatAsJson(const ExplainedRequest& request, const Explanation& explanation);

}  // namespace sallyport::cli

#endif  // SALLYPORT_CLI_EXPLANATION_H_

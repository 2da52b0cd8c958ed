#ifndef SALLYPORT_RULES_POLICY_H_
#define SALLYPORT_RULES_POLICY_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "rules/network_policy.h"
#include "rules/proxy_config.h"
#include "rules/spawn_policy.h"

namespace sallyport::rules {

// A whole policy.yaml. Immutable once parsed, so shared between threads freely.
struct Policy {
  SpawnPolicy spawn;
  NetworkPolicy network;
};

struct ParsedPolicy {
  // Null when there are errors.
  std::shared_ptr<const Policy> policy;
  // Every error of the file, in file order, with line and column.
  std::vector<Problem> errors;
  std::vector<Problem> warnings;
};

// The limit that OpenShell has too.
inline constexpr size_t kMaxPolicyBytes = size_t{4} * 1024 * 1024;

// Parses and checks the text of a policy.yaml: OpenShell's schema, as far as it is enforced here.
// What that schema knows and nothing here enforces is an error that names it.
ParsedPolicy ParsePolicy(std::string_view text);

// The JSON Schema (draft 2020-12) of the file, made from the same table as the parser.
std::string PolicySchema();

// The policy where nobody gave one: the work folder and /tmp writable, the system readable, no
// network.
std::string_view RestrictivePolicyText();
std::shared_ptr<const Policy> RestrictivePolicy();

}  // namespace sallyport::rules

#endif  // SALLYPORT_RULES_POLICY_H_

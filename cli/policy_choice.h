#ifndef SALLYPORT_CLI_POLICY_CHOICE_H_
#define SALLYPORT_CLI_POLICY_CHOICE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/followed_files.h"
#include "gateway-client/policy_source.h"
#include "rules/policy.h"

namespace sallyport::cli {

// Where a policy is looked for that nobody named.
std::vector<std::string> DefaultPolicyFiles();

// The policy.yaml to use: `flag_value` if it is not empty, else the first of `candidates` that
// exists; empty when there is none. A file that was named and does not exist is an error.
absl::StatusOr<std::string> FindPolicyFile(const std::string& flag_value,
                                           const std::vector<std::string>& candidates);

struct PolicyChoice {
  // Whom the proxy asks; null: nobody, and proxy-config.json alone decides on the network.
  std::shared_ptr<sources::PolicySource> source;
  // What it gave; null where it is.
  std::shared_ptr<const rules::Policy> policy;
  // What the program is confined by: the policy's, or the restrictive default's.
  rules::SpawnPolicy spawn;
};

// For `proxy`: the file that FindPolicyFile finds, if any. A file that is there and invalid or
// unsafe is an error.
// Its changes are followed as far as `files` admits.
absl::StatusOr<PolicyChoice> ChoosePolicyForProxy(const std::string& flag_value,
                                                  std::shared_ptr<FollowedFiles> files);

// For `run`: the same; without a file, what the restrictive default confines, with the network left
// to proxy-config.json and the attached providers; and without those too (`config_file` empty, not
// `has_providers`), the whole restrictive default, which has no network.
absl::StatusOr<PolicyChoice> ChoosePolicyForRun(const std::string& flag_value,
                                                const std::string& config_file, bool has_providers,
                                                std::shared_ptr<FollowedFiles> files);

}  // namespace sallyport::cli

#endif  // SALLYPORT_CLI_POLICY_CHOICE_H_

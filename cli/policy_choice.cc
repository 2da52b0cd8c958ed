#include "cli/policy_choice.h"

#include <fmt/core.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "base/status.h"
#include "gateway-client/policy_file.h"

namespace sallyport::cli {
namespace {

// 0, or the errno of lstat(2): a link that leads nowhere is there, and reading it gives the reason.
int Stat(const std::string& path) {
  struct stat info = {};
  return lstat(path.c_str(), &info) == 0 ? 0 : errno;
}

}  // namespace

std::vector<std::string> DefaultPolicyFiles() {
  return {"/etc/sallyport/policy.yaml", "/etc/navigator/policy.yaml"};
}

absl::StatusOr<std::string> FindPolicyFile(const std::string& flag_value,
                                           const std::vector<std::string>& candidates) {
  if (!flag_value.empty()) {
    if (const int error = Stat(flag_value); error != 0) {
      return ErrnoStatus(error, fmt::format("cannot use the policy {}", flag_value));
    }
    return flag_value;
  }
  for (const std::string& file : candidates) {
    // One that is there and cannot be reached is found all the same: passing it over would quietly
    // run under other rules.
    const int error = Stat(file);
    if (error != ENOENT && error != ENOTDIR) return file;
  }
  return std::string();
}

absl::StatusOr<PolicyChoice> ChoosePolicyForProxy(const std::string& flag_value,
                                                  std::shared_ptr<FollowedFiles> files) {
  PolicyChoice choice;
  choice.spawn = rules::RestrictivePolicy()->spawn;
  ASSIGN_OR_RETURN(std::string file, FindPolicyFile(flag_value, DefaultPolicyFiles()));
  if (file.empty()) return choice;
  choice.source = std::make_shared<sources::PolicyFile>(std::move(file), std::move(files));
  ASSIGN_OR_RETURN(choice.policy, choice.source->Fetch());
  choice.spawn = choice.policy->spawn;
  return choice;
}

absl::StatusOr<PolicyChoice> ChoosePolicyForRun(const std::string& flag_value,
                                                const std::string& config_file, bool has_providers,
                                                std::shared_ptr<FollowedFiles> files) {
  ASSIGN_OR_RETURN(PolicyChoice choice, ChoosePolicyForProxy(flag_value, std::move(files)));
  if (choice.source == nullptr && config_file.empty() && !has_providers) {
    choice.policy = rules::RestrictivePolicy();
    choice.source =
        std::make_shared<sources::FixedPolicy>("the restrictive default", choice.policy);
  }
  return choice;
}

}  // namespace sallyport::cli

#ifndef SALLYPORT_SUPERVISOR_CHILD_PLAN_H_
#define SALLYPORT_SUPERVISOR_CHILD_PLAN_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "supervisor/channel.h"
#include "supervisor/confinement.h"

namespace sallyport::supervisor {

// Everything that happens between fork and exec, decided before, so that nothing there has to
// allocate, look up or decide. Standard input, output and error are inherited.
struct ChildPlan {
  std::vector<std::string> argv;
  // Paths to try in this order, as execvp(3) would find them.
  std::vector<std::string> candidates;
  std::vector<std::string> environment;
  // Absolute.
  std::string workdir;
  // The process group to join; 0: one of its own; kKeepGroup: that of the process that forks.
  pid_t process_group = 0;
  // Nothing: the command runs as the user would run it.
  std::optional<Confinement> confinement;

  static constexpr pid_t kKeepGroup = -1;

  ForkMessage ToMessage() const;
  static absl::StatusOr<ChildPlan> FromMessage(const ForkMessage& message);
};

// The paths that `command` stands for: itself if it has a slash, otherwise one in each folder of
// `path` ("a:b"; an empty part is the working directory).
std::vector<std::string> ExecutableCandidates(const std::string& command, const std::string& path);

// What the child was doing when it could not become the command.
enum class SpawnStep : int {
  kFork,
  kProcessGroup,
  kView,
  kPrivileges,
  kLandlock,
  kSeccomp,
  kWorkdir,
  kExec
};

}  // namespace sallyport::supervisor

#endif  // SALLYPORT_SUPERVISOR_CHILD_PLAN_H_

#ifndef SALLYPORT_SUPERVISOR_SPAWN_H_
#define SALLYPORT_SUPERVISOR_SPAWN_H_

#include <signal.h>
#include <sys/types.h>

#include <string>

#include "base/unique_fd.h"
#include "supervisor/child_plan.h"

namespace sallyport::supervisor {

struct SpawnResult {
  pid_t pid = -1;  // set when the command runs
  SpawnStep failed_step = SpawnStep::kFork;
  int error = 0;  // errno
  // Where Confinement::only_connect_to is set: what seccomp_unotify(2) reports the command's
  // socket(2) calls on.
  UniqueFd socket_requests;
};

// Forks and becomes the command, in a process with one thread. Returns when exec has happened or
// failed. The child gets `signal_mask`, dies with this process (PR_SET_PDEATHSIG), and inherits no
// descriptor but 0, 1 and 2. `landlock_ruleset`, unless it is -1, is for plan.confinement,
// whose file system view this process is in.
SpawnResult Spawn(const ChildPlan& plan, int landlock_ruleset, const sigset_t& signal_mask);

}  // namespace sallyport::supervisor

#endif  // SALLYPORT_SUPERVISOR_SPAWN_H_

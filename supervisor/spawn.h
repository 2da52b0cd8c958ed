#ifndef SALLYPORT_SUPERVISOR_SPAWN_H_
#define SALLYPORT_SUPERVISOR_SPAWN_H_

#include <signal.h>
#include <sys/types.h>

#include "supervisor/child_plan.h"

namespace sallyport::supervisor {

struct SpawnResult {
  pid_t pid = -1;  // set when the command runs
  SpawnStep failed_step = SpawnStep::kFork;
  int error = 0;  // errno
};

// Forks and becomes the command, in a process with one thread. Returns when exec has happened or
// failed. The child gets `signal_mask`, dies with this process (PR_SET_PDEATHSIG), and inherits no
// descriptor but 0, 1 and 2.
SpawnResult Spawn(const ChildPlan& plan, const sigset_t& signal_mask);

}  // namespace sallyport::supervisor

#endif  // SALLYPORT_SUPERVISOR_SPAWN_H_

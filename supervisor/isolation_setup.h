#ifndef SALLYPORT_SUPERVISOR_ISOLATION_SETUP_H_
#define SALLYPORT_SUPERVISOR_ISOLATION_SETUP_H_

#include <sys/types.h>

#include "absl/status/statusor.h"
#include "supervisor/isolation_message.h"

namespace sallyport::supervisor {

// Moves this process, which has one thread, into a user and a network namespace of the command's,
// sets the network up and makes the sockets by which the proxy is reached in it. Root does without
// a user namespace where there is none to be had. After an error the process is of no more use.
// `own_process_ids` of the result is for ForkFirstProcess to say; what is about processes stays
// empty.
absl::StatusOr<IsolationResult> EnterIsolation(const IsolationRequest& request);

// Forks the first process of the command's mount namespace, and, where /proc can be mounted for
// it, of a process id namespace. Returns twice, as fork(2) does: 0 in the new process. The child
// begins in `process_group`, unless that is 0.
absl::StatusOr<pid_t> ForkFirstProcess(pid_t process_group, bool* own_process_ids);

}  // namespace sallyport::supervisor

#endif  // SALLYPORT_SUPERVISOR_ISOLATION_SETUP_H_

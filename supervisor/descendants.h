#ifndef SALLYPORT_SUPERVISOR_DESCENDANTS_H_
#define SALLYPORT_SUPERVISOR_DESCENDANTS_H_

#include <sys/types.h>

#include <chrono>
#include <vector>

namespace sallyport::supervisor {

// The process's parent, 0 if it has none or does not exist (proc(5), stat).
pid_t ParentOf(pid_t process);

// Whether `process` is `ancestor` or was started by it, however indirectly.
bool IsDescendant(pid_t process, pid_t ancestor);

// Kills (SIGKILL) and reaps every descendant of this process, which must be a child subreaper
// (prctl(2), PR_SET_CHILD_SUBREAPER). Only children are ever signalled: they keep their number
// until they are reaped here, and what they leave becomes a child in its turn. Returns how many
// children were still there after `limit`: those of another user, or stuck in the kernel.
int EndDescendants(std::chrono::milliseconds limit);

}  // namespace sallyport::supervisor

#endif  // SALLYPORT_SUPERVISOR_DESCENDANTS_H_

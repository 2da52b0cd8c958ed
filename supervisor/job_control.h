#ifndef SALLYPORT_SUPERVISOR_JOB_CONTROL_H_
#define SALLYPORT_SUPERVISOR_JOB_CONTROL_H_

#include <sys/types.h>

namespace sallyport::supervisor {

// How the command shares the terminal. With a terminal, the command stays in sallyport's own
// process group, as under env(1): the shell's idea of the job, pipes to a pager, Ctrl-C, Ctrl-Z and
// window sizes are then right without any relaying, and a shell as the command makes its own groups
// as ever. Without one it gets a group of its own, so that what is sent to sallyport's group
// arrives once, forwarded, and not twice.
class JobControl {
 public:
  JobControl();

  // For ChildPlan::process_group.
  pid_t ChildGroup() const;

  // Call when the child has stopped. Under a shell with job control this process stops too, until
  // the shell resumes it: the shell must see its job stop. Returns whether the child should
  // now go on.
  bool OnChildStopped(int signal) const;

 private:
  const bool has_terminal_;
  // Nobody could resume this process: it leads its session, or its parent belongs to another.
  const bool unattended_;
};

}  // namespace sallyport::supervisor

#endif  // SALLYPORT_SUPERVISOR_JOB_CONTROL_H_

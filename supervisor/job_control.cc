#include "supervisor/job_control.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/unique_fd.h"

namespace sallyport::supervisor {
namespace {

bool HasTerminal() {
  // Opens only when there is a controlling terminal (tty(4)).
  const UniqueFd terminal(open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
  return static_cast<bool>(terminal);
}

bool IsUnattended() {
  const pid_t parent = getppid();
  return getsid(0) == getpid() || parent == 0 || getsid(parent) != getsid(0);
}

}  // namespace

JobControl::JobControl() : has_terminal_(HasTerminal()), unattended_(IsUnattended()) {}

pid_t JobControl::ChildGroup() const { return has_terminal_ ? getpgrp() : 0; }

bool JobControl::OnChildStopped(int signal) const {
  if (!has_terminal_) return false;
  if (unattended_) {
    // The kernel lets no process stop from the keyboard where nobody could resume it (an orphaned
    // process group, setpgid(2)); with this process between, that is for us to say.
    return signal == SIGTSTP;
  }
  kill(getpid(), SIGSTOP);
  return true;
}

}  // namespace sallyport::supervisor

#include "supervisor/spawn.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace sallyport::supervisor {
namespace {

// What the child reports over a pipe that exec closes.
struct Failure {
  SpawnStep step;
  int error;
};

// `plan` as the kernel wants it, made before the fork.
struct Prepared {
  std::vector<char*> argv;
  std::vector<char*> environment;
};

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (const std::string& text : strings) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// Tries each candidate; returns the errno that tells most. As execvp(3) does: what is missing or
// forbidden in one folder may be there in the next. Unlike it, a file without a known format is not
// handed to a shell.
int Exec(const ChildPlan& plan, const Prepared& prepared) {
  int result = ENOENT;
  for (const std::string& candidate : plan.candidates) {
    execve(candidate.c_str(), prepared.argv.data(), prepared.environment.data());
    if (errno == EACCES) {
      result = EACCES;
    } else if (errno != ENOENT && errno != ENOTDIR) {
      return errno;
    }
  }
  return result;
}

// The child, up to exec: system calls only.
[[noreturn]] void BecomeCommand(const ChildPlan& plan, const Prepared& prepared,
                                const sigset_t& signal_mask, pid_t parent, int report) {
  const auto fail = [report](SpawnStep step, int error) {
    const Failure failure = {step, error};
    (void)!write(report, &failure, sizeof(failure));
    _exit(127);
  };
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  // The parent may have ended before the line above.
  if (getppid() != parent) _exit(127);
  if (setpgid(0, plan.process_group) != 0) fail(SpawnStep::kProcessGroup, errno);
  if (chdir(plan.workdir.c_str()) != 0) fail(SpawnStep::kWorkdir, errno);
  // Closed by exec, so that `report` stays until then. Kernels before 5.11 lack it; everything the
  // forker has open is marked close-on-exec as it is.
  (void)syscall(SYS_close_range, STDERR_FILENO + 1, UINT_MAX, CLOSE_RANGE_CLOEXEC);
  sigprocmask(SIG_SETMASK, &signal_mask, nullptr);
  fail(SpawnStep::kExec, Exec(plan, prepared));
  _exit(127);
}

}  // namespace

SpawnResult Spawn(const ChildPlan& plan, const sigset_t& signal_mask) {
  SpawnResult result;
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) {
    result.error = errno;
    return result;
  }
  const UniqueFd read_end(fds[0]);
  UniqueFd write_end(fds[1]);
  const Prepared prepared = {Pointers(plan.argv), Pointers(plan.environment)};
  const pid_t self = getpid();
  const pid_t child = fork();
  if (child < 0) {
    result.error = errno;
    return result;
  }
  if (child == 0) BecomeCommand(plan, prepared, signal_mask, self, write_end.get());
  write_end.Reset();

  Failure failure = {};
  ssize_t size = -1;
  do {
    size = read(read_end.get(), &failure, sizeof(failure));
  } while (size < 0 && errno == EINTR);
  if (size != sizeof(failure)) {
    result.pid = child;
    return result;
  }
  while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  result.failed_step = failure.step;
  result.error = failure.error;
  return result;
}

}  // namespace sallyport::supervisor

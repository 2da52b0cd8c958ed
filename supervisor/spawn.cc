#include "supervisor/spawn.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "supervisor/landlock.h"
#include "supervisor/privileges.h"

namespace sallyport::supervisor {
namespace {

// What the child reports over a socket that exec closes. A descriptor comes before it with a report
// of step kExec and no error.
struct Failure {
  SpawnStep step;
  int error;
};

// `plan` as the kernel wants it, made before the fork.
struct Prepared {
  std::vector<char*> argv;
  std::vector<char*> environment;
  const Confinement* confinement = nullptr;
  int landlock_ruleset = -1;
  sock_fprog seccomp = {};
};

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (const std::string& text : strings) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

Prepared Prepare(const ChildPlan& plan, int landlock_ruleset) {
  Prepared prepared;
  prepared.argv = Pointers(plan.argv);
  prepared.environment = Pointers(plan.environment);
  prepared.landlock_ruleset = landlock_ruleset;
  if (!plan.confinement.has_value()) return prepared;
  prepared.confinement = &*plan.confinement;
  const std::string& program = plan.confinement->seccomp_program;
  prepared.seccomp.len = static_cast<uint16_t>(program.size() / sizeof(sock_filter));
  prepared.seccomp.filter = reinterpret_cast<sock_filter*>(const_cast<char*>(program.data()));
  return prepared;
}

// Tries each candidate; returns the errno that tells most. As execvp(3) does: what is missing or
// forbidden in one folder may be there in the next. Unlike it, a file without a known format is not
// handed to a shell, and ELIBACC tells of a file that is there while its interpreter is not.
int Exec(const ChildPlan& plan, const Prepared& prepared) {
  int result = ENOENT;
  for (const std::string& candidate : plan.candidates) {
    execve(candidate.c_str(), prepared.argv.data(), prepared.environment.data());
    if (errno == EACCES) {
      result = EACCES;
    } else if (errno != ENOENT && errno != ENOTDIR) {
      return errno;
    } else if (result == ENOENT && access(candidate.c_str(), F_OK) == 0) {
      result = ELIBACC;
    }
  }
  return result;
}

// Passes `fd` and closes it. Returns errno.
int SendDescriptor(int socket, int fd) {
  Failure none = {SpawnStep::kExec, 0};
  iovec data = {&none, sizeof(none)};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(fd))] = {};
  msghdr message = {};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(fd));
  std::memcpy(CMSG_DATA(header), &fd, sizeof(fd));
  const int error = sendmsg(socket, &message, 0) < 0 ? errno : 0;
  close(fd);
  return error;
}

int FilterSystemCalls(const Prepared& prepared, int report) {
  const bool brokered = prepared.confinement->only_connect_to.has_value();
  const long result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                              brokered ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0, &prepared.seccomp);
  if (result < 0) return errno;
  return brokered ? SendDescriptor(report, static_cast<int>(result)) : 0;
}

// The child, up to exec: system calls only.
[[noreturn]] void BecomeCommand(const ChildPlan& plan, const Prepared& prepared,
                                const sigset_t& signal_mask, pid_t parent, int report) {
  const auto fail = [report](SpawnStep step, int error) {
    const Failure failure = {step, error};
    (void)!write(report, &failure, sizeof(failure));
    _exit(127);
  };
  const auto check = [&fail](SpawnStep step, int error) {
    if (error != 0) fail(step, error);
  };
  if (plan.process_group != ChildPlan::kKeepGroup && setpgid(0, plan.process_group) != 0) {
    fail(SpawnStep::kProcessGroup, errno);
  }
  if (prepared.confinement != nullptr) {
    check(SpawnStep::kPrivileges, DropPrivileges(prepared.confinement->become));
  }
  // A change of user undoes it.
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  // The parent may have ended before the line above.
  if (getppid() != parent) _exit(127);
  if (prepared.landlock_ruleset >= 0) {
    check(SpawnStep::kLandlock, RestrictByLandlock(prepared.landlock_ruleset));
  }
  if (chdir(plan.workdir.c_str()) != 0) fail(SpawnStep::kWorkdir, errno);
  if (prepared.confinement != nullptr) {
    check(SpawnStep::kSeccomp, FilterSystemCalls(prepared, report));
  }
  // Closed by exec, so that `report` stays until then. Kernels before 5.11 lack it; everything the
  // forker has open is marked close-on-exec as it is.
  (void)syscall(SYS_close_range, STDERR_FILENO + 1, UINT_MAX, CLOSE_RANGE_CLOEXEC);
  sigprocmask(SIG_SETMASK, &signal_mask, nullptr);
  fail(SpawnStep::kExec, Exec(plan, prepared));
  _exit(127);
}

// Reads what the child says; nothing when it has become the command.
std::optional<Failure> AwaitReport(int report, UniqueFd* socket_requests) {
  while (true) {
    Failure failure = {};
    iovec data = {&failure, sizeof(failure)};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message = {};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    const ssize_t size = recvmsg(report, &message, MSG_CMSG_CLOEXEC);
    if (size < 0 && errno == EINTR) continue;
    if (size != sizeof(failure)) return std::nullopt;
    const cmsghdr* header = CMSG_FIRSTHDR(&message);
    if (header == nullptr) return failure;
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(header), sizeof(fd));
    socket_requests->Reset(fd);
  }
}

}  // namespace

SpawnResult Spawn(const ChildPlan& plan, int landlock_ruleset, const sigset_t& signal_mask) {
  SpawnResult result;
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) {
    result.error = errno;
    return result;
  }
  const UniqueFd read_end(fds[0]);
  UniqueFd write_end(fds[1]);
  const Prepared prepared = Prepare(plan, landlock_ruleset);
  const pid_t self = getpid();
  const pid_t child = fork();
  if (child < 0) {
    result.error = errno;
    return result;
  }
  if (child == 0) BecomeCommand(plan, prepared, signal_mask, self, write_end.get());
  write_end.Reset();

  const std::optional<Failure> failure = AwaitReport(read_end.get(), &result.socket_requests);
  if (!failure.has_value()) {
    result.pid = child;
    return result;
  }
  while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  result.failed_step = failure->step;
  result.error = failure->error;
  return result;
}

}  // namespace sallyport::supervisor

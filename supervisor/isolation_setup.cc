#include "supervisor/isolation_setup.h"

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/status.h"
#include "base/unique_fd.h"
#include "supervisor/inside_sockets.h"
#include "supervisor/loopback_network.h"
#include "supervisor/namespaces.h"
#include "supervisor/socket_table.h"

namespace sallyport::supervisor {
namespace {

// In a fresh mount namespace. Returns errno.
int DetachMounts(bool mount_proc) {
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return errno;
  if (!mount_proc) return 0;
  // The kernel refuses where a part of /proc is covered: mounted anew it would show that again.
  return mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) == 0 ? 0 : errno;
}

// As fork(2), with namespaces. Returns twice: 0 in the child once the parent let it go on.
// `*error` is why there is no child.
pid_t ForkInto(uint64_t namespaces, pid_t process_group, int* error) {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) {
    *error = errno;
    return -1;
  }
  UniqueFd parents_end(fds[0]);
  UniqueFd childs_end(fds[1]);
  const long pid = syscall(SYS_clone, namespaces | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (pid < 0) {
    *error = errno;
    return -1;
  }
  if (pid == 0) {
    parents_end.Reset();
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    const int failed = DetachMounts((namespaces & CLONE_NEWPID) != 0);
    int go_on = 0;
    if (write(childs_end.get(), &failed, sizeof(failed)) != sizeof(failed) || failed != 0 ||
        read(childs_end.get(), &go_on, sizeof(go_on)) != sizeof(go_on)) {
      _exit(0);
    }
    return 0;
  }
  childs_end.Reset();
  int failed = EIO;
  (void)!read(parents_end.get(), &failed, sizeof(failed));
  if (failed == 0 && process_group != 0) (void)setpgid(static_cast<pid_t>(pid), process_group);
  if (failed == 0 && write(parents_end.get(), &failed, sizeof(failed)) == sizeof(failed)) {
    return static_cast<pid_t>(pid);
  }
  *error = failed;
  while (waitpid(static_cast<pid_t>(pid), nullptr, 0) < 0 && errno == EINTR) {
  }
  return -1;
}

}  // namespace

absl::StatusOr<IsolationResult> EnterIsolation(const IsolationRequest& request) {
  const absl::Status in_user_namespace = EnterUserNamespace();
  // Root may have what it takes without one.
  if (!in_user_namespace.ok() && geteuid() != 0) return in_user_namespace;
  const absl::Status in_network = EnterNetworkNamespace();
  if (!in_network.ok()) return in_user_namespace.ok() ? in_network : in_user_namespace;
  ASSIGN_OR_RETURN(const LoopbackNetwork network, SetUpLoopbackNetwork());
  IsolationResult result;
  // Without it a policy's list of programs lets nobody pass, and says why.
  if (absl::StatusOr<UniqueFd> table = SocketTable::Open(); table.ok()) {
    result.socket_table = *std::move(table);
  }
  ASSIGN_OR_RETURN(result.sockets, MakeInsideSockets(request.captured_ports, network.has_v6));
  return result;
}

absl::StatusOr<pid_t> ForkFirstProcess(pid_t process_group, bool* own_process_ids) {
  int error = 0;
  *own_process_ids = true;
  pid_t pid = ForkInto(CLONE_NEWNS | CLONE_NEWPID, process_group, &error);
  if (pid >= 0) return pid;
  *own_process_ids = false;
  pid = ForkInto(CLONE_NEWNS, process_group, &error);
  if (pid >= 0) return pid;
  return ErrnoStatus(error, "cannot make a mount namespace");
}

}  // namespace sallyport::supervisor

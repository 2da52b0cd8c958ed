#include "supervisor/namespaces.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <sstream>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/status.h"
#include "base/unique_fd.h"

namespace sallyport::supervisor {
namespace {

constexpr size_t kMaxMap = 16384;

// The same ids inside as outside: "0 0 1000" for each range that `map`, this process's own
// (user_namespaces(7)), has.
std::string IdentityMap(const std::string& map) {
  std::istringstream lines(map);
  std::string result;
  uint64_t inside = 0;
  uint64_t outside = 0;
  uint64_t count = 0;
  while (lines >> inside >> outside >> count) {
    result += fmt::format("{} {} {}\n", inside, inside, count);
  }
  return result;
}

// One write(2), which the kernel demands. Returns errno.
int WriteOnce(const std::string& path, std::string_view text) {
  const UniqueFd fd(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd) return errno;
  return write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0 : errno;
}

struct IdMaps {
  std::string users;
  std::string groups;
};

// In the namespace outside; with the privilege to map other ids than one's own, or without.
int MapIds(pid_t process, const IdMaps& all) {
  const std::string folder = fmt::format("/proc/{}/", process);
  if (geteuid() == 0 && WriteOnce(folder + "uid_map", all.users) == 0) {
    return WriteOnce(folder + "gid_map", all.groups);
  }
  if (const int error = WriteOnce(folder + "setgroups", "deny"); error != 0) return error;
  const std::string user = fmt::format("{0} {0} 1\n", geteuid());
  if (const int error = WriteOnce(folder + "uid_map", user); error != 0) return error;
  return WriteOnce(folder + "gid_map", fmt::format("{0} {0} 1\n", getegid()));
}

// A process outside the new namespace that gives it its ids once it is told to.
class Mapper {
 public:
  explicit Mapper(const IdMaps& maps) {
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0) return;
    const UniqueFd told(fds[0]);
    tell_.Reset(fds[1]);
    const pid_t target = getpid();
    process_ = fork();
    if (process_ != 0) return;
    tell_.Reset();
    char ignored;
    const bool go = read(told.get(), &ignored, 1) == 1;
    _exit(go ? MapIds(target, maps) : 0);
  }
  // The mapping's errno; without this call nothing is mapped.
  int Map() {
    if (process_ < 0 || write(tell_.get(), "", 1) != 1) return EAGAIN;
    return Wait();
  }
  ~Mapper() {
    tell_.Reset();
    if (process_ > 0) Wait();
  }

 private:
  int Wait() {
    int status = 0;
    while (waitpid(process_, &status, 0) < 0 && errno == EINTR) {
    }
    process_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
  }

  UniqueFd tell_;
  pid_t process_ = -1;
};

}  // namespace

absl::Status EnterUserNamespace() {
  ASSIGN_OR_RETURN(const std::string users, ReadFile("/proc/self/uid_map", kMaxMap));
  ASSIGN_OR_RETURN(const std::string groups, ReadFile("/proc/self/gid_map", kMaxMap));
  // The files of a process that is not dumpable belong to root. There is nothing to read here yet.
  prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
  Mapper mapper({IdentityMap(users), IdentityMap(groups)});
  const int unshared = unshare(CLONE_NEWUSER) == 0 ? 0 : errno;
  const int mapped = unshared == 0 ? mapper.Map() : 0;
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  if (unshared != 0) return ErrnoStatus(unshared, "cannot make a user namespace");
  if (mapped != 0) return ErrnoStatus(mapped, "cannot map ids into a user namespace");
  return absl::OkStatus();
}

absl::Status EnterNetworkNamespace() {
  if (unshare(CLONE_NEWNET) != 0) return ErrnoStatus(errno, "cannot make a network namespace");
  if (unshare(CLONE_NEWIPC | CLONE_NEWUTS) != 0) {
    return ErrnoStatus(errno, "cannot make IPC and host name namespaces");
  }
  return absl::OkStatus();
}

}  // namespace sallyport::supervisor

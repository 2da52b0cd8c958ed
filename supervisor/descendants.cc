#include "supervisor/descendants.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "supervisor/process_stat.h"

namespace sallyport::supervisor {
namespace {

struct DirCloser {
  void operator()(DIR* folder) const { closedir(folder); }
};

std::vector<pid_t> Children() {
  std::vector<pid_t> children;
  const pid_t self = getpid();
  const std::unique_ptr<DIR, DirCloser> proc(opendir("/proc"));
  while (proc != nullptr) {
    const dirent* entry = readdir(proc.get());
    if (entry == nullptr) break;
    pid_t process = 0;
    const std::string_view name = entry->d_name;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), process);
    if (error != std::errc() || end != name.data() + name.size()) continue;
    if (ParentOf(process) == self) children.push_back(process);
  }
  return children;
}

// Reaps every child that has ended; false when there is no child at all any more.
bool ReapEnded() {
  while (true) {
    const pid_t reaped = waitpid(-1, nullptr, WNOHANG);
    if (reaped == 0) return true;
    if (reaped < 0 && errno != EINTR) return false;
  }
}

}  // namespace

pid_t ParentOf(pid_t process) {
  const std::string path = "/proc/" + std::to_string(process) + "/stat";
  const std::optional<ProcessStat> stat = ReadProcessStat(AT_FDCWD, path.c_str());
  return stat.has_value() ? stat->parent : 0;
}

bool IsDescendant(pid_t process, pid_t ancestor) {
  // Deeper than any tree of processes; a number that is used again must not make this endless.
  constexpr int kMaxDepth = 4096;
  for (int depth = 0; process > 0 && depth < kMaxDepth; ++depth) {
    if (process == ancestor) return true;
    process = ParentOf(process);
  }
  return false;
}

int EndDescendants(std::chrono::milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (ReapEnded()) {
    const std::vector<pid_t> children = Children();
    for (pid_t child : children) kill(child, SIGKILL);
    if (std::chrono::steady_clock::now() >= deadline) return static_cast<int>(children.size());
    // Ends and hand-overs take the kernel a moment.
    (void)poll(nullptr, 0, 1);
  }
  return 0;
}

}  // namespace sallyport::supervisor

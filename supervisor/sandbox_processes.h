#ifndef SALLYPORT_SUPERVISOR_SANDBOX_PROCESSES_H_
#define SALLYPORT_SUPERVISOR_SANDBOX_PROCESSES_H_

#include <sys/types.h>

#include <ctime>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "base/unique_fd.h"

namespace sallyport::supervisor {

// The processes of a sandbox, looked at through a /proc. Used by one thread at a time.
class SandboxProcesses {
 public:
  // `proc` is the root folder of a procfs. The sandbox's are the descendants of `root`, a number in
  // there, without itself: it is ours. Process 1 has everything in there for descendants.
  SandboxProcesses(UniqueFd proc, pid_t root) : proc_(std::move(proc)), root_(root) {}

  struct Holder {
    ino_t socket = 0;
    pid_t pid = 0;
    // /proc/PID, of this process even where its number is used again.
    UniqueFd folder;
  };
  struct Holders {
    std::vector<Holder> found;
    // One that could not be looked into, and may hold anything; 0: none.
    pid_t hidden = 0;
    // All of them were looked at, rather than as many as could be listed and there was time for.
    bool complete = true;
  };

  // Who has one of these sockets open. Some ten microseconds a process, and five seconds at most. A
  // process counts by the descriptors of its first thread; a socket that is under way in a message
  // of another counts for nobody.
  Holders Find(const absl::flat_hash_set<ino_t>& sockets);

 private:
  // Whether a process descends from the root, which does not change while it lives. It is told
  // from the next of its number by its folder in /proc, which is made anew.
  struct Known {
    ino_t folder = 0;
    time_t made_s = 0;
    long made_ns = 0;
    bool is_ours = false;
    bool is_certain = true;

    bool IsSameProcess(const Known& other) const {
      return is_certain && folder == other.folder && made_s == other.made_s &&
             made_ns == other.made_ns;
    }
  };

  // Nothing where they cannot be listed.
  std::optional<std::vector<pid_t>> List();
  // Brings known_ up to date for these, which are all that there are.
  void Sort(const std::vector<pid_t>& all);

  UniqueFd proc_;
  pid_t root_;
  absl::flat_hash_map<pid_t, Known> known_;
};

// The inode in "socket:[4711]", as /proc/PID/fd/N has it; nothing where the link says another.
std::optional<ino_t> ParseSocketLink(std::string_view target);

}  // namespace sallyport::supervisor

#endif  // SALLYPORT_SUPERVISOR_SANDBOX_PROCESSES_H_

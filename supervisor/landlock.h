#ifndef SALLYPORT_SUPERVISOR_LANDLOCK_H_
#define SALLYPORT_SUPERVISOR_LANDLOCK_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace sallyport::supervisor {

// What the child may do with a path and everything below it.
enum class PathAccess : uint8_t {
  kList,       // list folders
  kRead,       // read, list and execute
  kReadWrite,  // and create, write, rename, remove
  kDevice,     // read and write a device, without ioctl(2)
  kTerminal,   // and with ioctl(2)
};

struct PathRule {
  std::string path;  // absolute
  PathAccess access = PathAccess::kRead;
};

struct LandlockRules {
  std::vector<PathRule> paths;
  // Set: TCP may be connected to this port alone, and bound to none (ABI 4).
  std::optional<uint16_t> only_connect_to;
};

// The first ABI that has rules for TCP.
inline constexpr int kLandlockNetworkAbi = 4;
// The first whose domains can neither signal processes nor reach abstract unix sockets outside.
inline constexpr int kLandlockScopeAbi = 6;

// The highest ABI of the kernel; 0 where Landlock is missing or switched off (landlock(7)).
int LandlockAbi();

// A ruleset that handles every right of the kernel's ABI and grants what `rules` say. Paths that do
// not exist are left out: there is nothing to grant. The process that is to be confined passes it
// to landlock_restrict_self(2). Errors name the path.
absl::StatusOr<UniqueFd> MakeLandlockRuleset(const LandlockRules& rules);

// landlock_restrict_self(2) on this thread: a system call and nothing else. Returns errno, 0 if
// done. The process needs no_new_privs.
int RestrictByLandlock(int ruleset);

}  // namespace sallyport::supervisor

#endif  // SALLYPORT_SUPERVISOR_LANDLOCK_H_

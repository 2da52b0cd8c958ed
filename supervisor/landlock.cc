#include "supervisor/landlock.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/status.h"

namespace sallyport::supervisor {
namespace {

// Headers may be older than the kernel: these are its numbers (include/uapi/linux/landlock.h).
constexpr uint64_t kTruncate = 1u << 14;          // ABI 3
constexpr uint64_t kIoctlDevice = 1u << 15;       // ABI 5
constexpr uint64_t kBindTcp = 1u << 0;            // ABI 4
constexpr uint64_t kConnectTcp = 1u << 1;         // ABI 4
constexpr uint64_t kScopeAbstractUnix = 1u << 0;  // ABI 6
constexpr uint64_t kScopeSignal = 1u << 1;        // ABI 6
constexpr int kRuleNetPort = 2;

struct RulesetAttributes {
  uint64_t handled_fs;
  uint64_t handled_net;
  uint64_t scoped;
};

struct NetPortAttributes {
  uint64_t allowed;
  uint64_t port;
};

constexpr uint64_t kRead =
    LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr uint64_t kReadWriteFile = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE;
// Everything of ABI 1 but making devices.
constexpr uint64_t kWrite = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                            LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |
                            LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |
                            LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SYM |
                            LANDLOCK_ACCESS_FS_REFER | kTruncate;
constexpr uint64_t kMakeDevice = LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK;
// Rights that mean something for what is no folder; the kernel refuses others there.
constexpr uint64_t kOfFiles =
    LANDLOCK_ACCESS_FS_EXECUTE | kReadWriteFile | kTruncate | kIoctlDevice;

uint64_t HandledRights(int abi) {
  uint64_t rights = kRead | kWrite | kMakeDevice;
  if (abi < 2) rights &= ~uint64_t{LANDLOCK_ACCESS_FS_REFER};
  if (abi < 3) rights &= ~kTruncate;
  if (abi >= 5) rights |= kIoctlDevice;
  return rights;
}

uint64_t RightsOf(PathAccess access) {
  switch (access) {
    case PathAccess::kList:
      return LANDLOCK_ACCESS_FS_READ_DIR;
    case PathAccess::kRead:
      return kRead;
    case PathAccess::kReadWrite:
      return kRead | kWrite;
    case PathAccess::kDevice:
      return kReadWriteFile | LANDLOCK_ACCESS_FS_READ_DIR;
    case PathAccess::kTerminal:
      return kReadWriteFile | LANDLOCK_ACCESS_FS_READ_DIR | kIoctlDevice;
  }
  return 0;
}

absl::Status AddPath(int ruleset, const PathRule& rule, uint64_t handled) {
  const UniqueFd path(open(rule.path.c_str(), O_PATH | O_CLOEXEC));
  if (!path && (errno == ENOENT || errno == ENOTDIR)) return absl::OkStatus();
  struct stat info = {};
  if (!path || fstat(path.get(), &info) != 0) {
    return ErrnoStatus(errno, fmt::format("cannot grant the command {}", rule.path));
  }
  uint64_t rights = RightsOf(rule.access) & handled;
  if (!S_ISDIR(info.st_mode)) rights &= kOfFiles;
  landlock_path_beneath_attr beneath = {};
  beneath.allowed_access = rights;
  beneath.parent_fd = path.get();
  if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) != 0) {
    return ErrnoStatus(errno, fmt::format("cannot grant the command {}", rule.path));
  }
  return absl::OkStatus();
}

}  // namespace

int LandlockAbi() {
  const long abi =
      syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return abi < 0 ? 0 : static_cast<int>(abi);
}

absl::StatusOr<UniqueFd> MakeLandlockRuleset(const LandlockRules& rules) {
  const int abi = LandlockAbi();
  if (abi < 1) return absl::UnavailableError("this kernel has no Landlock");
  RulesetAttributes attributes = {HandledRights(abi), 0, 0};
  // Each ABI takes the structure as long as it knows it.
  size_t size = sizeof(attributes.handled_fs);
  if (abi >= kLandlockNetworkAbi) {
    if (rules.only_connect_to.has_value()) attributes.handled_net = kBindTcp | kConnectTcp;
    size += sizeof(attributes.handled_net);
  } else if (rules.only_connect_to.has_value()) {
    return absl::UnavailableError("this kernel's Landlock has no rules for TCP");
  }
  if (abi >= kLandlockScopeAbi) {
    attributes.scoped = kScopeAbstractUnix | kScopeSignal;
    size += sizeof(attributes.scoped);
  }
  UniqueFd ruleset(static_cast<int>(syscall(SYS_landlock_create_ruleset, &attributes, size, 0)));
  if (!ruleset) return ErrnoStatus(errno, "cannot make a Landlock ruleset");
  for (const PathRule& rule : rules.paths) {
    RETURN_IF_ERROR(AddPath(ruleset.get(), rule, attributes.handled_fs));
  }
  if (rules.only_connect_to.has_value()) {
    const NetPortAttributes port = {kConnectTcp, *rules.only_connect_to};
    if (syscall(SYS_landlock_add_rule, ruleset.get(), kRuleNetPort, &port, 0) != 0) {
      return ErrnoStatus(errno, "cannot grant the command the proxy's port");
    }
  }
  return ruleset;
}

int RestrictByLandlock(int ruleset) {
  return syscall(SYS_landlock_restrict_self, ruleset, 0) == 0 ? 0 : errno;
}

}  // namespace sallyport::supervisor

#ifndef SALLYPORT_RULES_SPAWN_POLICY_H_
#define SALLYPORT_RULES_SPAWN_POLICY_H_

#include <cstdint>
#include <string>
#include <vector>

namespace sallyport::rules {

// filesystem_policy of a policy.yaml. Every path is absolute, without "." or ".." and without a
// slash at its end (but for "/" itself, which is never writable). What is not listed cannot be
// reached. A path that does not exist is no error.
struct FilesystemPolicy {
  // The working folder is writable too.
  bool include_workdir = true;
  // May be read and executed.
  std::vector<std::string> read_only;
  // May be written too.
  std::vector<std::string> read_write;

  friend bool operator==(const FilesystemPolicy&, const FilesystemPolicy&) = default;
};

// What happens where the kernel cannot hold the filesystem rules.
enum class LandlockCompatibility : uint8_t {
  kHardRequirement,  // the start fails
  kBestEffort,       // as much as the kernel can is held, and what it cannot is said
};

// process of a policy.yaml: a name or a number, never root's. Empty: as the supervisor runs.
struct ProcessPolicy {
  std::string run_as_user;
  std::string run_as_group;

  friend bool operator==(const ProcessPolicy&, const ProcessPolicy&) = default;
};

// What a policy fixes when the program is spawned, and no later policy can change. A value type.
struct SpawnPolicy {
  FilesystemPolicy filesystem;
  LandlockCompatibility landlock = LandlockCompatibility::kHardRequirement;
  ProcessPolicy process;

  friend bool operator==(const SpawnPolicy&, const SpawnPolicy&) = default;
};

}  // namespace sallyport::rules

#endif  // SALLYPORT_RULES_SPAWN_POLICY_H_

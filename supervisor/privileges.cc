#include "supervisor/privileges.h"

#include <fmt/core.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <string>

#include "base/status.h"

namespace sallyport::supervisor {
namespace {

// The kernel's own numbers: the C library would tell other threads, of which there are none.
int ChangeUser(const UserAndGroup& become) {
  if (syscall(SYS_setresgid, become.group, become.group, become.group) != 0) return errno;
  return syscall(SYS_setresuid, become.user, become.user, become.user) == 0 ? 0 : errno;
}

int EmptyBoundingSet() {
  for (unsigned long capability = 0;; ++capability) {
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0) continue;
    // The first number that the kernel does not know. Without CAP_SETPCAP the set stays, and with
    // no_new_privs nothing is ever taken from it.
    return errno == EINVAL || errno == EPERM ? 0 : errno;
  }
}

int DropCapabilities() {
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
  return syscall(SYS_capset, &header, none) == 0 ? 0 : errno;
}

std::optional<uint32_t> ParseId(const std::string& text) {
  uint32_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return id;
}

}  // namespace

absl::StatusOr<std::optional<UserAndGroup>> UserOf(const rules::ProcessPolicy& policy) {
  UserAndGroup become = {geteuid(), getegid()};
  if (!policy.run_as_user.empty()) {
    const std::optional<uint32_t> id = ParseId(policy.run_as_user);
    const passwd* user = id.has_value() ? getpwuid(*id) : getpwnam(policy.run_as_user.c_str());
    if (user == nullptr && !id.has_value()) {
      return absl::NotFoundError(fmt::format(
          "the policy's process.run_as_user is {}: there is no such user", policy.run_as_user));
    }
    become = {user != nullptr ? user->pw_uid : *id, user != nullptr ? user->pw_gid : *id};
  }
  if (!policy.run_as_group.empty()) {
    const std::optional<uint32_t> id = ParseId(policy.run_as_group);
    const group* named = id.has_value() ? nullptr : getgrnam(policy.run_as_group.c_str());
    if (named == nullptr && !id.has_value()) {
      return absl::NotFoundError(fmt::format(
          "the policy's process.run_as_group is {}: there is no such group", policy.run_as_group));
    }
    become.group = id.has_value() ? *id : named->gr_gid;
  }
  if (become.user == geteuid() && become.group == getegid()) return std::nullopt;
  if (geteuid() != 0) {
    return absl::PermissionDeniedError(
        fmt::format("the policy has the command run as {}:{}, and only root can become another "
                    "user: start sallyport as that user, or leave process out of the policy",
                    policy.run_as_user, policy.run_as_group));
  }
  return become;
}

int DropPrivileges(const std::optional<UserAndGroup>& become) {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno;
  // A plain user may not leave groups, since a group can also be what is kept out (setgroups(2)).
  const int left_groups = syscall(SYS_setgroups, 0, nullptr) == 0 ? 0 : errno;
  if (left_groups != 0 && (left_groups != EPERM || become.has_value())) return left_groups;
  if (const int error = EmptyBoundingSet(); error != 0) return error;
  if (become.has_value()) {
    if (const int error = ChangeUser(*become); error != 0) return error;
  }
  if (const int error = DropCapabilities(); error != 0) return error;
  const rlimit no_core = {0, 0};
  return setrlimit(RLIMIT_CORE, &no_core) == 0 ? 0 : errno;
}

}  // namespace sallyport::supervisor

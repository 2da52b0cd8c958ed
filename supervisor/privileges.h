#ifndef SALLYPORT_SUPERVISOR_PRIVILEGES_H_
#define SALLYPORT_SUPERVISOR_PRIVILEGES_H_

#include <sys/types.h>

#include <optional>

#include "absl/status/statusor.h"
#include "rules/spawn_policy.h"

namespace sallyport::supervisor {

struct UserAndGroup {
  uid_t user = 0;
  gid_t group = 0;
};

// Whom the policy has the command run as; nothing where it names nobody, or who runs already. A
// user's group is its own unless one is named. Fails where there is no such user, and where only
// root could become another.
absl::StatusOr<std::optional<UserAndGroup>> UserOf(const rules::ProcessPolicy& policy);

// Gives up for good, in this process of one thread, by system calls alone: the right to gain
// privileges by exec (no_new_privs), supplementary groups as far as that is allowed, the user if
// another is given, every capability and the bounding set, core dumps. Returns errno, 0 if done.
int DropPrivileges(const std::optional<UserAndGroup>& become);

}  // namespace sallyport::supervisor

#endif  // SALLYPORT_SUPERVISOR_PRIVILEGES_H_

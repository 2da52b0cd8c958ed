#ifndef SALLYPORT_SUPERVISOR_CONFINEMENT_H_
#define SALLYPORT_SUPERVISOR_CONFINEMENT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "supervisor/channel.h"
#include "supervisor/landlock.h"
#include "supervisor/mount_view.h"
#include "supervisor/privileges.h"

namespace sallyport::supervisor {

// What closes around the child between fork and exec, as data that the supervisor prepares.
struct Confinement {
  // What of the file system the child may use.
  std::vector<PathRule> paths;
  // Shown in place of the host's own, where there is a mount namespace.
  std::vector<CoveredFile> covered;
  // The child's own, where there is a mount namespace.
  std::vector<ShownFile> shown;
  // What steers the supervisor and lies where the child may write.
  std::vector<std::string> kept;
  // What holds secrets and lies where the child may read.
  std::vector<std::string> hidden;
  std::string resolv_conf;
  std::optional<UserAndGroup> become;
  // A kernel without Landlock is put up with, where there is a mount namespace.
  bool landlock_best_effort = false;
  // struct sock_filter, one after the other.
  std::string seccomp_program;
  // Set where the network is the host's: the only port that TCP may be connected to, on the
  // loopback device.
  std::optional<uint16_t> only_connect_to;

  void AppendTo(ForkMessage* message) const;
  // Takes what AppendTo wrote, from `*index` on; false if it is not that.
  static bool Take(const ForkMessage& message, size_t* index, Confinement* confinement);
};

}  // namespace sallyport::supervisor

#endif  // SALLYPORT_SUPERVISOR_CONFINEMENT_H_

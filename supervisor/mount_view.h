#ifndef SALLYPORT_SUPERVISOR_MOUNT_VIEW_H_
#define SALLYPORT_SUPERVISOR_MOUNT_VIEW_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "supervisor/landlock.h"
#include "supervisor/privileges.h"

namespace sallyport::supervisor {

// A file shown in the place of another.
struct CoveredFile {
  std::string target;  // absolute, as the child names it
  std::string source;  // absolute, outside
};

// A file that the child has of its own.
struct ShownFile {
  std::string path;  // absolute
  std::string contents;
  mode_t mode = 0600;
};

// The file system that the child sees: what it may use, and nothing else even by name. So the
// sockets of the host's services (/run, the home folder) are out of its reach, which no Landlock
// rule of current kernels would keep it from.
struct MountView {
  // Each appears where it is outside; a narrower rule inside a wider one wins.
  std::vector<PathRule> paths;
  // Where the target exists in the view.
  std::vector<CoveredFile> covered;
  // In the place of what there is outside, or where there is nothing and the folder is none of the
  // host's.
  std::vector<ShownFile> shown;
  // Whose those are; nothing: this process's.
  std::optional<UserAndGroup> owner;
  // Files that the child may read, and neither change nor put something in the place of: absolute,
  // without symbolic links.
  std::vector<std::string> kept;
  // Files and folders that appear empty: absolute, without symbolic links.
  std::vector<std::string> hidden;
  // Contents of /etc/resolv.conf.
  std::string resolv_conf;
  // Whether this process is in a process id namespace of its own, whose /proc is shown then.
  bool own_process_ids = false;
};

// What every program takes for granted and that is never the policy's to give: the devices that
// hold nothing, the terminal, shared memory of the view's own, /proc.
std::vector<PathRule> BasicDevices();

// Makes the view and moves this process, which has one thread and a mount namespace of its own,
// into it; the working directory is then "/". Errors name the path. The terminal that is standard
// input, output or error appears as /dev/console, and by no other name.
absl::Status EnterMountView(const MountView& view);

}  // namespace sallyport::supervisor

#endif  // SALLYPORT_SUPERVISOR_MOUNT_VIEW_H_

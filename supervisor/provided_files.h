#ifndef SALLYPORT_SUPERVISOR_PROVIDED_FILES_H_
#define SALLYPORT_SUPERVISOR_PROVIDED_FILES_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "proxy/server/server.h"
#include "supervisor/environment.h"
#include "supervisor/landlock.h"
#include "supervisor/mount_view.h"
#include "supervisor/privileges.h"
#include "supervisor/written_files.h"

namespace sallyport::supervisor {

// How the files that attached providers bring reach the command, and nobody else.
struct ProvidedFilePlan {
  // For the command's mount view to show.
  std::vector<ShownFile> shown;
  // Written where the command looks for them.
  WrittenFiles written;
  // Of `written`: what the command may do with them.
  std::vector<PathRule> paths;
  // Variables that name them.
  Environment variables;
};

// Where the command has a mount view, a file is shown there in the place of the host's own, which
// is neither changed nor seen. It is written only where there is no such file and its folder is one
// that the view shows. `view` is what the view shows; null: there is none. Without one a file that
// exists is an error, for it is never overwritten. `home` is the command's; `owner` its user,
// nothing for this process's.
absl::StatusOr<ProvidedFilePlan> PlaceProvidedFiles(const std::vector<proxy::ProvidedFile>& files,
                                                    const std::string& home,
                                                    const std::vector<PathRule>* view,
                                                    const std::optional<UserAndGroup>& owner);

}  // namespace sallyport::supervisor

#endif  // SALLYPORT_SUPERVISOR_PROVIDED_FILES_H_

#ifndef SALLYPORT_SUPERVISOR_WRITTEN_FILES_H_
#define SALLYPORT_SUPERVISOR_WRITTEN_FILES_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "base/unique_fd.h"
#include "supervisor/privileges.h"

namespace sallyport::supervisor {

// Files that were written for the command into folders of the host, where there was none before.
// They go when this does, and so do the folders that were made for them, as far as nothing else is
// in them. The command may have write access there: what is created or removed is named relative to
// folders that were open before it ran, and no symbolic link is followed below the first.
class WrittenFiles {
 public:
  WrittenFiles() = default;
  WrittenFiles(WrittenFiles&& other) noexcept = default;
  WrittenFiles& operator=(WrittenFiles&& other) noexcept;
  ~WrittenFiles() { Remove(); }

  // Writes `folder`/`path`; `folder` must exist. `owner`: nothing for this process's user.
  // AlreadyExists where there is such a file, or anything else of that name.
  absl::Status Write(const std::string& folder, std::string_view path, std::string_view contents,
                     mode_t mode, const std::optional<UserAndGroup>& owner);

 private:
  struct Made {
    UniqueFd folder;
    std::string name;
    int unlink_flags = 0;
  };

  void Remove();
  // Opens the folder `name` in `*folder`, making it where there is none.
  absl::Status Enter(UniqueFd* folder, const std::string& name,
                     const std::optional<UserAndGroup>& owner);

  // In the order they were made.
  std::vector<Made> made_;
};

}  // namespace sallyport::supervisor

#endif  // SALLYPORT_SUPERVISOR_WRITTEN_FILES_H_

#ifndef SALLYPORT_BASE_FOLLOWED_FILES_H_
#define SALLYPORT_BASE_FOLLOWED_FILES_H_

#include <sys/stat.h>

#include <map>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

namespace sallyport {

// The files that steer this process and that it uses again later: configuration, policy, values,
// programs, the audit log. A program that this process confines runs as the same user, so that
// owners and modes keep none of them from it; where it may write, it could have this process read
// what it may not read, connect where it may not connect, or run what it likes outside.
//
// Until Seal every file may be used, and is noted. From then on one that lies where the program
// may write is used only if it was noted, is kept from the program, and is still the same file.
// Thread-safe.
class FollowedFiles {
 public:
  FollowedFiles() = default;
  FollowedFiles(const FollowedFiles&) = delete;
  FollowedFiles& operator=(const FollowedFiles&) = delete;

  // Whether `path` may be used now. `info`: of the file that was opened, or is about to be run.
  // FailedPrecondition says where it lies and what to do.
  absl::Status Admit(const std::string& path, const struct stat& info);

  // ReadFile, admitted.
  absl::StatusOr<std::string> Read(const std::string& path, size_t max_bytes);

  // How files are kept from the program where it may write.
  enum class Keeping {
    kShownReadOnly,  // by mounts: the caller sees to it for what Seal returns
    kNone,
  };
  // The program, which may write to everything below `writable` (absolute), starts next. Once.
  // Returns the noted files that lie there, each by the path without symbolic links; with
  // kShownReadOnly the program must not be able to write, rename or remove them nor any folder on
  // the way to them.
  std::vector<std::string> Seal(const std::vector<std::string>& writable, Keeping keeping);

 private:
  struct Noted {
    dev_t device;
    ino_t inode;
    bool has_one_name;
    bool is_kept = false;
  };

  mutable absl::Mutex mutex_;
  std::map<std::string, Noted> noted_ ABSL_GUARDED_BY(mutex_);  // by path, as it was given
  bool is_sealed_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::string> writable_ ABSL_GUARDED_BY(mutex_);  // without symbolic links
};

}  // namespace sallyport

#endif  // SALLYPORT_BASE_FOLLOWED_FILES_H_

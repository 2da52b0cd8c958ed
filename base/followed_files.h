#ifndef SALLYPORT_BASE_FOLLOWED_FILES_H_
#define SALLYPORT_BASE_FOLLOWED_FILES_H_

#include <sys/stat.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

namespace sallyport {

// The files that steer this process or hold its secrets, and that it uses again later:
// configuration, policy, values, programs, the audit log. A program that this process confines runs
// as the same user, so that owners and modes keep none of them from it. Where it may write, it
// could have this process read what it may not read, connect where it may not connect, or run what
// it likes outside; where it may read, it would have the secret itself.
//
// Until Seal every file may be used, and is noted. From then on one that lies within the program's
// reach is used only if it was noted, is kept from the program, and is still the same file.
// Thread-safe.
class FollowedFiles {
 public:
  enum class Use : uint8_t {
    kSteers,    // must not be the program's to write
    kIsSecret,  // nor to read
  };

  FollowedFiles() = default;
  FollowedFiles(const FollowedFiles&) = delete;
  FollowedFiles& operator=(const FollowedFiles&) = delete;

  // Whether `path` may be used now. `info`: of the file that was opened, or is about to be run.
  // FailedPrecondition says where it lies and what to do.
  absl::Status Admit(const std::string& path, const struct stat& info, Use use = Use::kSteers);

  // ReadFile, admitted.
  absl::StatusOr<std::string> Read(const std::string& path, size_t max_bytes);

  // What the program may do, by absolute paths of folders and files.
  struct Reach {
    std::vector<std::string> writable;  // and read
    std::vector<std::string> readable;
  };
  // How files are kept from it there.
  enum class Keeping : uint8_t {
    kByMounts,  // the caller sees to what Seal returns
    kNone,
  };
  // What lies within the program's reach, by paths without symbolic links.
  struct Exposed {
    // Files that it must not be able to write, rename or remove, nor a folder on the way to them.
    std::vector<std::string> steering;
    // Files and folders whose contents it must not see.
    std::vector<std::string> secret;
  };
  // The program starts next. Once.
  Exposed Seal(const Reach& reach, Keeping keeping);

 private:
  struct Noted {
    Use use;
    dev_t device;
    ino_t inode;
    bool has_one_name;
    bool is_kept = false;
  };

  mutable absl::Mutex mutex_;
  std::map<std::string, Noted> noted_ ABSL_GUARDED_BY(mutex_);  // by path, as it was given
  bool is_sealed_ ABSL_GUARDED_BY(mutex_) = false;
  // Without symbolic links; what may be written may be read.
  Reach reach_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sallyport

#endif  // SALLYPORT_BASE_FOLLOWED_FILES_H_

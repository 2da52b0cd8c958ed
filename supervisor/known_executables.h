#ifndef SALLYPORT_SUPERVISOR_KNOWN_EXECUTABLES_H_
#define SALLYPORT_SUPERVISOR_KNOWN_EXECUTABLES_H_

#include <sys/types.h>

#include <atomic>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "ca/file_digest.h"

namespace sallyport::supervisor {

// The executables that processes of a sandbox run, each by its path, with what it held when it was
// met first. From then on the path stands for these bytes: a file that was changed, or that took
// its place, is refused for as long as this object lives. Used by one thread at a time.
class KnownExecutables {
 public:
  // `stop` ends a hash that is under way, and outlives this.
  explicit KnownExecutables(const std::atomic<bool>* stop) : stop_(*stop) {}

  // The path of what a process runs, as the sandbox sees it. `process` is its folder in /proc,
  // `root` the folder from which the sandbox's paths start. Errors are for the user: NotFound where
  // the process is gone, PermissionDenied where it cannot be looked into, FailedPrecondition where
  // the path stands for other bytes, Unavailable where the file cannot be hashed. A few system
  // calls, and for a file that is new or was touched a hash of it.
  absl::StatusOr<std::string> Identify(int process, int root);

 private:
  struct Version {
    dev_t device = 0;
    ino_t inode = 0;
    off_t size = 0;
    // Nanoseconds since 1970.
    int64_t modified = 0;
    int64_t changed = 0;

    friend bool operator==(const Version&, const Version&) = default;
  };
  struct Known {
    Version version;
    ca::Sha256Digest digest;
  };

  static absl::StatusOr<Version> VersionOf(int folder, const char* name);
  absl::Status Hash(int process, const std::string& path, const Version& version);

  const std::atomic<bool>& stop_;
  absl::flat_hash_map<std::string, Known> known_;
};

}  // namespace sallyport::supervisor

#endif  // SALLYPORT_SUPERVISOR_KNOWN_EXECUTABLES_H_

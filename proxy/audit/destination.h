#ifndef SALLYPORT_PROXY_AUDIT_DESTINATION_H_
#define SALLYPORT_PROXY_AUDIT_DESTINATION_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/followed_files.h"
#include "base/unique_fd.h"

namespace sallyport::audit {

// Where audit lines go: a file that is appended to and may be moved away by a log rotator, a pipe,
// or standard output. One thread at a time.
class Destination {
 public:
  // A path, or "-" for standard output. A new file has mode 0600; an existing one keeps its own.
  // `files` says whether it may be opened again; null: always.
  static absl::StatusOr<std::unique_ptr<Destination>> Open(const std::string& path,
                                                           std::shared_ptr<FollowedFiles> files);

  // Opens the path again; on error the old file stays in use, for good where `files` says so.
  absl::Status Reopen();

  // Whether the path now names another file or none, as after a rotation.
  bool WasMoved() const;

  // Writes `lines` and takes what was written off its front. A pipe whose reader is slow is waited
  // for until `deadline` (DeadlineExceeded); the call may then be repeated with what is left.
  absl::Status Write(std::string_view* lines, SteadyTime deadline);

  // What is left of the lines last written is given up: the next call starts a line of its own.
  void Abandon() { torn_line_ = within_line_; }

 private:
  Destination(std::string path, std::shared_ptr<FollowedFiles> files)
      : path_(std::move(path)), files_(std::move(files)) {}

  // At least a byte.
  absl::Status WriteSome(std::string_view* lines, SteadyTime deadline);

  // OK to open the path again.
  absl::Status MayReopen();

  const std::string path_;
  const std::shared_ptr<FollowedFiles> files_;
  UniqueFd fd_;
  // A file that never makes a writer wait, in contrast to pipes and terminals.
  bool is_regular_ = false;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  bool within_line_ = false;
  bool torn_line_ = false;
  bool stays_ = false;  // the file in use, whatever the path names
};

}  // namespace sallyport::audit

#endif  // SALLYPORT_PROXY_AUDIT_DESTINATION_H_

#ifndef SALLYPORT_PROXY_AUDIT_DESTINATION_H_
#define SALLYPORT_PROXY_AUDIT_DESTINATION_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/unique_fd.h"

namespace sallyport::audit {

// Where audit lines go: a file that is appended to and may be moved away by a log rotator, a pipe,
// or standard output. One thread at a time.
class Destination {
 public:
  // A path, or "-" for standard output. A new file has mode 0600; an existing one keeps its own.
  static absl::StatusOr<std::unique_ptr<Destination>> Open(const std::string& path);

  // Opens the path again; on error the old file stays in use.
  absl::Status Reopen();

  // Whether the path now names another file or none, as after a rotation.
  bool WasMoved() const;

  // Writes `lines` and takes what was written off its front. A pipe whose reader is slow is waited
  // for until `deadline` (DeadlineExceeded); the call may then be repeated with what is left.
  absl::Status Write(std::string_view* lines, SteadyTime deadline);

  // What is left of the lines last written is given up: the next call starts a line of its own.
  void Abandon() { torn_line_ = within_line_; }

 private:
  explicit Destination(std::string path) : path_(std::move(path)) {}

  // At least a byte.
  absl::Status WriteSome(std::string_view* lines, SteadyTime deadline);

  const std::string path_;
  UniqueFd fd_;
  // A file that never makes a writer wait, in contrast to pipes and terminals.
  bool is_regular_ = false;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  bool within_line_ = false;
  bool torn_line_ = false;
};

}  // namespace sallyport::audit

#endif  // SALLYPORT_PROXY_AUDIT_DESTINATION_H_

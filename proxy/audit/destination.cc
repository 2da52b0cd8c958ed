#include "proxy/audit/destination.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include <fmt/core.h>

#include "base/status.h"

namespace sallyport::audit {
namespace {

absl::StatusOr<UniqueFd> OpenPath(const std::string& path) {
  if (path == "-") {
    UniqueFd fd(fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0));
    if (!fd) return ErrnoStatus(errno, "cannot write the audit log to standard output");
    return fd;
  }
  // Not blocking: a FIFO that nobody reads is an error and not a proxy that never starts.
  UniqueFd fd(
      open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600));
  if (!fd) return ErrnoStatus(errno, fmt::format("cannot open the audit log {}", path));
  return fd;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Destination>> Destination::Open(
    const std::string& path, std::shared_ptr<FollowedFiles> files) {
  std::unique_ptr<Destination> destination(new Destination(path, std::move(files)));
  RETURN_IF_ERROR(destination->Reopen());
  return destination;
}

absl::Status Destination::MayReopen() {
  if (files_ == nullptr || path_ == "-") return absl::OkStatus();
  // Before it is opened, which would make it. Where there is none, it is another than before.
  struct stat status = {};
  (void)stat(path_.c_str(), &status);
  absl::Status admitted = files_->Admit(path_, status);
  stays_ = !admitted.ok();
  return admitted;
}

absl::Status Destination::Reopen() {
  if (fd_) RETURN_IF_ERROR(MayReopen());
  ASSIGN_OR_RETURN(UniqueFd fd, OpenPath(path_));
  struct stat status;
  if (fstat(fd.get(), &status) != 0) {
    return ErrnoStatus(errno, fmt::format("cannot look at the audit log {}", path_));
  }
  if (files_ != nullptr && !fd_) RETURN_IF_ERROR(files_->Admit(path_, status));
  fd_ = std::move(fd);
  is_regular_ = S_ISREG(status.st_mode);
  device_ = status.st_dev;
  inode_ = status.st_ino;
  within_line_ = false;
  torn_line_ = false;
  return absl::OkStatus();
}

bool Destination::WasMoved() const {
  if (!is_regular_ || path_ == "-" || stays_) return false;
  struct stat status;
  if (stat(path_.c_str(), &status) != 0) return errno == ENOENT;
  return status.st_dev != device_ || status.st_ino != inode_;
}

absl::Status Destination::Write(std::string_view* lines, SteadyTime deadline) {
  if (torn_line_) {
    std::string_view newline = "\n";
    RETURN_IF_ERROR(WriteSome(&newline, deadline));
    torn_line_ = false;
  }
  while (!lines->empty()) RETURN_IF_ERROR(WriteSome(lines, deadline));
  return absl::OkStatus();
}

absl::Status Destination::WriteSome(std::string_view* lines, SteadyTime deadline) {
  while (true) {
    size_t size = lines->size();
    if (!is_regular_) {
      // Standard output is shared with others and so may block. poll(2) promises room for PIPE_BUF
      // bytes, and no more is written at once.
      size = std::min<size_t>(size, PIPE_BUF);
      const auto left =
          std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
      pollfd writable = {fd_.get(), POLLOUT, 0};
      const int ready =
          poll(&writable, 1, static_cast<int>(std::clamp<int64_t>(left.count(), 0, INT_MAX)));
      if (ready < 0 && errno != EINTR) return ErrnoStatus(errno, "cannot wait for the audit log");
      if (ready == 0) {
        return absl::DeadlineExceededError(
            fmt::format("the reader of the audit log {} does not keep up", path_));
      }
      if (ready < 0) continue;
    }
    const ssize_t written = write(fd_.get(), lines->data(), size);
    if (written > 0) {
      within_line_ = (*lines)[static_cast<size_t>(written) - 1] != '\n';
      lines->remove_prefix(static_cast<size_t>(written));
      return absl::OkStatus();
    }
    if (written < 0 && errno != EINTR && errno != EAGAIN) {
      return ErrnoStatus(errno, fmt::format("cannot write the audit log {}", path_));
    }
  }
}

}  // namespace sallyport::audit

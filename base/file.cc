#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include <fmt/core.h>

#include "base/status.h"
#include "base/unique_fd.h"

namespace sallyport {
namespace {

absl::Status WriteAll(int fd, std::string_view contents, const std::string& path) {
  while (!contents.empty()) {
    const ssize_t written = write(fd, contents.data(), contents.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return ErrnoStatus(errno, fmt::format("cannot write {}", path));
    contents.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::string& path, size_t max_bytes) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd) return ErrnoStatus(errno, fmt::format("cannot open {}", path));
  return ReadToEnd(fd.get(), path, max_bytes);
}

absl::StatusOr<std::string> ReadToEnd(int fd, const std::string& path, size_t max_bytes) {
  std::string contents;
  char buffer[16384];
  while (true) {
    const ssize_t size = read(fd, buffer, sizeof(buffer));
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return ErrnoStatus(errno, fmt::format("cannot read {}", path));
    if (size == 0) return contents;
    contents.append(buffer, static_cast<size_t>(size));
    if (contents.size() > max_bytes) {
      return absl::ResourceExhaustedError(
          fmt::format("{} is larger than {} bytes", path, max_bytes));
    }
  }
}

absl::Status WriteFileAtomically(const std::string& path, std::string_view contents, mode_t mode) {
  std::string temporary = path + ".XXXXXX";
  UniqueFd fd(mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd) return ErrnoStatus(errno, fmt::format("cannot create a file beside {}", path));
  absl::Status status = WriteAll(fd.get(), contents, temporary);
  if (status.ok() && fchmod(fd.get(), mode) != 0) {
    status = ErrnoStatus(errno, fmt::format("cannot set the mode of {}", temporary));
  }
  if (status.ok() && rename(temporary.c_str(), path.c_str()) != 0) {
    status = ErrnoStatus(errno, fmt::format("cannot rename {} to {}", temporary, path));
  }
  if (!status.ok()) unlink(temporary.c_str());
  return status;
}

}  // namespace sallyport

#include "base/trusted_file.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <deque>
#include <string_view>
#include <utility>

#include "base/file.h"
#include "base/status.h"
#include "base/unique_fd.h"

namespace sallyport {
namespace {

// As the kernel's MAXSYMLINKS.
constexpr int kMaxLinks = 40;

// Walks a path as the kernel does (path_resolution(7)), one component at a time, and judges each.
class TrustedWalk {
 public:
  explicit TrustedWalk(const std::string& path) : path_(path) {}

  // The file, opened for reading.
  absl::StatusOr<UniqueFd> Open() {
    RETURN_IF_ERROR(Begin());
    while (!rest_.empty()) {
      const std::string name = std::move(rest_.front());
      rest_.pop_front();
      UniqueFd entry(openat(folder_.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
      struct stat info = {};
      if (!entry || fstat(entry.get(), &info) != 0) return Failed();
      const std::string place = name == ".." ? reached_ + "/.." : reached_ + "/" + name;
      RETURN_IF_ERROR(Judge(info, place));
      if (S_ISLNK(info.st_mode)) {
        RETURN_IF_ERROR(Follow(entry.get()));
      } else if (S_ISDIR(info.st_mode)) {
        folder_ = std::move(entry);
        reached_ = place;
      } else if (!rest_.empty()) {
        errno = ENOTDIR;
        return Failed();
      } else {
        return OpenFile(entry.get(), info);
      }
    }
    errno = EISDIR;
    return Failed();
  }

 private:
  absl::Status Failed() const { return ErrnoStatus(errno, fmt::format("cannot read {}", path_)); }

  absl::Status Begin() {
    std::string full = path_;
    if (!full.starts_with('/')) {
      char buffer[PATH_MAX];
      if (getcwd(buffer, sizeof(buffer)) == nullptr) return Failed();
      full = fmt::format("{}/{}", buffer, path_);
    }
    PrependComponents(full);
    return BeginAtRoot();
  }

  absl::Status BeginAtRoot() {
    folder_ = UniqueFd(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    struct stat info = {};
    if (!folder_ || fstat(folder_.get(), &info) != 0) return Failed();
    reached_.clear();
    return Judge(info, "/");
  }

  // Puts the components of `path` before those that are left.
  void PrependComponents(std::string_view path) {
    while (!path.empty()) {
      const size_t slash = path.rfind('/');
      const std::string_view name = path.substr(slash + 1);
      if (!name.empty() && name != ".") rest_.emplace_front(name);
      path = slash == path.npos ? std::string_view() : path.substr(0, slash);
    }
  }

  absl::Status Follow(int link) {
    char target[PATH_MAX];
    const ssize_t size = readlinkat(link, "", target, sizeof(target));
    if (size <= 0 || ++links_ > kMaxLinks) {
      errno = size < 0 ? errno : ELOOP;
      return Failed();
    }
    const std::string_view text(target, static_cast<size_t>(size));
    PrependComponents(text);
    return text.starts_with('/') ? BeginAtRoot() : absl::OkStatus();
  }

  absl::StatusOr<UniqueFd> OpenFile(int entry, const struct stat& info) {
    if (!S_ISREG(info.st_mode)) {
      return absl::FailedPreconditionError(fmt::format("{} is not a regular file", path_));
    }
    // By the descriptor, so that it is the entry that was judged (proc(5)).
    UniqueFd file(open(fmt::format("/proc/self/fd/{}", entry).c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) return Failed();
    return file;
  }

  absl::Status Judge(const struct stat& info, const std::string& place) const {
    if (info.st_uid != 0 && info.st_uid != geteuid()) {
      return absl::PermissionDeniedError(fmt::format(
          "{} is unsafe: {} belongs to user {}, who could change it; give it to root or to "
          "yourself",
          path_, place, info.st_uid));
    }
    // A link's own mode means nothing.
    constexpr mode_t kOthersWrite = S_IWGRP | S_IWOTH;
    if (S_ISLNK(info.st_mode) || (info.st_mode & kOthersWrite) == 0) return absl::OkStatus();
    if (S_ISDIR(info.st_mode) && (info.st_mode & S_ISVTX) != 0) return absl::OkStatus();
    return absl::PermissionDeniedError(
        fmt::format("{} is unsafe: {} is writable by others (mode {:04o}); run: chmod go-w {}",
                    path_, place, info.st_mode & 07777, place));
  }

  const std::string& path_;
  std::deque<std::string> rest_;
  UniqueFd folder_;
  // The folder's path, without a slash at its end; for messages.
  std::string reached_;
  int links_ = 0;
};

}  // namespace

absl::StatusOr<std::string> ReadTrustedFile(const std::string& path, size_t max_bytes,
                                            FollowedFiles* files) {
  ASSIGN_OR_RETURN(const UniqueFd file, TrustedWalk(path).Open());
  struct stat info = {};
  if (fstat(file.get(), &info) != 0) {
    return ErrnoStatus(errno, fmt::format("cannot read {}", path));
  }
  if (files != nullptr) RETURN_IF_ERROR(files->Admit(path, info));
  return ReadToEnd(file.get(), path, max_bytes);
}

}  // namespace sallyport

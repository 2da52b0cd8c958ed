#include "supervisor/known_executables.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <utility>

#include "base/status.h"
#include "base/unique_fd.h"

namespace sallyport::supervisor {
namespace {

// A program that starts what nobody has seen again and again must not fill the memory: 10 MiB.
constexpr size_t kMaxKnown = 65536;
// A second or two of hashing. The largest programs there are, browsers and the like, have a fifth.
constexpr off_t kMaxSize = off_t{1} << 30;

int64_t Nanoseconds(const timespec& time) {
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

// As the sandbox would open it. A link on the way means that it has changed: the kernel gave the
// path without any.
UniqueFd OpenInside(int root, const std::string& path) {
  open_how how = {};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS;
  return UniqueFd(static_cast<int>(syscall(SYS_openat2, root, path.c_str(), &how, sizeof(how))));
}

absl::Status ReadFailure(int error) {
  if (error == ENOENT || error == ESRCH) return absl::NotFoundError("it has ended");
  return absl::PermissionDeniedError("it cannot be looked into");
}

}  // namespace

absl::StatusOr<KnownExecutables::Version> KnownExecutables::VersionOf(int folder,
                                                                      const char* name) {
  struct stat info = {};
  const int flags = *name == '\0' ? AT_EMPTY_PATH : 0;
  if (fstatat(folder, name, &info, flags) != 0) return ReadFailure(errno);
  return Version{info.st_dev, info.st_ino, info.st_size, Nanoseconds(info.st_mtim),
                 Nanoseconds(info.st_ctim)};
}

absl::StatusOr<std::string> KnownExecutables::Identify(int process, int root) {
  std::array<char, PATH_MAX> target;
  const ssize_t size = readlinkat(process, "exe", target.data(), target.size());
  if (size < 0) return ReadFailure(errno);
  std::string path(target.data(), static_cast<size_t>(size));
  ASSIGN_OR_RETURN(const Version version, VersionOf(process, "exe"));
  // Neither a file that was replaced or deleted, nor what another view of the file system has
  // there.
  const UniqueFd named = OpenInside(root, path);
  absl::StatusOr<Version> now = absl::NotFoundError("");
  if (named) now = VersionOf(named.get(), "");
  if (!now.ok() || *now != version) {
    return absl::FailedPreconditionError(
        fmt::format("{} is not, or no longer, the file that is run under this name", path));
  }
  const auto known = known_.find(path);
  if (known == known_.end() || known->second.version != version) {
    RETURN_IF_ERROR(Hash(process, path, version));
  }
  return path;
}

absl::Status KnownExecutables::Hash(int process, const std::string& path, const Version& version) {
  const auto cannot = [&path](std::string_view why) {
    return absl::UnavailableError(fmt::format("{} cannot be hashed: {}", path, why));
  };
  if (version.size > kMaxSize) return cannot("it has more than 1 GiB");
  const UniqueFd file(openat(process, "exe", O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) return cannot(Message(ErrnoStatus(errno, "it cannot be read")));
  const absl::StatusOr<ca::Sha256Digest> digest = ca::Sha256OfFile(file.get(), stop_);
  if (!digest.ok()) return cannot(Message(digest.status()));
  const absl::StatusOr<Version> after = VersionOf(file.get(), "");
  const auto known = known_.find(path);
  if (!after.ok() || *after != version ||
      (known != known_.end() && known->second.digest != *digest)) {
    return absl::FailedPreconditionError(
        fmt::format("{} has changed since it was first met", path));
  }
  if (known == known_.end() && known_.size() >= kMaxKnown) {
    return cannot("too many others were met before");
  }
  known_[path] = {version, *digest};
  return absl::OkStatus();
}

}  // namespace sallyport::supervisor

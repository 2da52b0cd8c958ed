#include "supervisor/written_files.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/status.h"

namespace sallyport::supervisor {
namespace {

// errno, 0 if done.
int WriteAll(int fd, std::string_view contents) {
  while (!contents.empty()) {
    const ssize_t size = write(fd, contents.data(), contents.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return errno;
    contents.remove_prefix(static_cast<size_t>(size));
  }
  return 0;
}

}  // namespace

WrittenFiles& WrittenFiles::operator=(WrittenFiles&& other) noexcept {
  if (this != &other) {
    Remove();
    made_ = std::move(other.made_);
  }
  return *this;
}

absl::Status WrittenFiles::Enter(UniqueFd* folder, const std::string& name,
                                 const std::optional<UserAndGroup>& owner) {
  const bool made = mkdirat(folder->get(), name.c_str(), 0700) == 0;
  if (!made && errno != EEXIST) return ErrnoStatus(errno, fmt::format("cannot make {}", name));
  UniqueFd next(
      openat(folder->get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  const int error = next ? 0 : errno;
  if (made) made_.push_back({std::move(*folder), name, AT_REMOVEDIR});
  if (error == ENOTDIR || error == ELOOP) {
    return absl::FailedPreconditionError(
        fmt::format("{} is no folder of its own, and links are not followed", name));
  }
  if (error != 0) return ErrnoStatus(error, fmt::format("cannot open {}", name));
  if (made && owner.has_value() && fchown(next.get(), owner->user, owner->group) != 0) {
    return ErrnoStatus(errno, fmt::format("cannot give {} to the command's user", name));
  }
  *folder = std::move(next);
  return absl::OkStatus();
}

absl::Status WrittenFiles::Write(const std::string& folder, std::string_view path,
                                 std::string_view contents, mode_t mode,
                                 const std::optional<UserAndGroup>& owner) {
  UniqueFd place(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!place) return ErrnoStatus(errno, fmt::format("cannot open {}", folder));
  for (size_t slash = path.find('/'); slash != path.npos; slash = path.find('/')) {
    const std::string name(path.substr(0, slash));
    path.remove_prefix(slash + 1);
    if (!name.empty() && name != ".") RETURN_IF_ERROR(Enter(&place, name, owner));
  }
  std::string name(path);
  const UniqueFd file(openat(place.get(), name.c_str(),
                             O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file && errno == EEXIST) return absl::AlreadyExistsError("there is one already");
  if (!file) return ErrnoStatus(errno, fmt::format("cannot make {}", name));
  made_.push_back({std::move(place), name, 0});
  int error = WriteAll(file.get(), contents);
  if (error == 0 && owner.has_value() && fchown(file.get(), owner->user, owner->group) != 0) {
    error = errno;
  }
  // Last: who may not write to it can still have been filled.
  if (error == 0 && fchmod(file.get(), mode) != 0) error = errno;
  return error == 0 ? absl::OkStatus() : ErrnoStatus(error, fmt::format("cannot write {}", name));
}

void WrittenFiles::Remove() {
  // What is in a folder goes before it.
  std::ranges::reverse(made_);
  for (const Made& made : made_) {
    (void)unlinkat(made.folder.get(), made.name.c_str(), made.unlink_flags);
  }
  made_.clear();
}

}  // namespace sallyport::supervisor

#include "base/followed_files.h"

#include <fcntl.h>
#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/file.h"
#include "base/status.h"
#include "base/unique_fd.h"

namespace sallyport {
namespace {

namespace fs = std::filesystem;

// As the kernel's MAXSYMLINKS.
constexpr int kMaxLinks = 40;

bool IsBelow(std::string_view path, const std::vector<std::string>& folders) {
  return std::ranges::any_of(folders, [path](std::string_view folder) {
    if (folder == "/") return true;
    return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
  });
}

// Where a path leads (path_resolution(7)), as far as there is something.
struct Way {
  std::string place;               // without symbolic links
  std::vector<std::string> links;  // the symbolic links on the way, each without others before it
};

std::optional<Way> FindWay(const std::string& path) {
  std::error_code error;
  const fs::path absolute = fs::absolute(path, error);
  if (error) return std::nullopt;
  std::deque<fs::path> rest(absolute.begin(), absolute.end());
  Way way;
  fs::path done;
  while (!rest.empty()) {
    const fs::path name = std::move(rest.front());
    rest.pop_front();
    if (name.is_absolute()) {
      done = name;
    } else if (name == "..") {
      done = done.parent_path();
    } else if (!name.empty() && name != ".") {
      const fs::path next = done / name;
      const fs::path target = fs::read_symlink(next, error);
      if (error) {  // it is none
        done = next;
        continue;
      }
      way.links.push_back(next.string());
      if (way.links.size() > kMaxLinks) return std::nullopt;
      rest.insert(rest.begin(), target.begin(), target.end());
    }
  }
  way.place = done.string();
  return way;
}

bool HasLinkBelow(const Way& way, const std::vector<std::string>& folders) {
  return std::ranges::any_of(way.links,
                             [&folders](const auto& link) { return IsBelow(link, folders); });
}

bool IsWithin(const Way& way, const FollowedFiles::Reach& reach, FollowedFiles::Use use) {
  return HasLinkBelow(way, reach.writable) ||
         IsBelow(way.place, use == FollowedFiles::Use::kSteers ? reach.writable : reach.readable);
}

std::vector<std::string> WithoutLinks(const std::vector<std::string>& paths) {
  std::vector<std::string> places;
  for (const std::string& path : paths) {
    if (const std::optional<Way> way = FindWay(path)) places.push_back(way->place);
  }
  return places;
}

// What to hide for a secret. One that is reached by links is one of several that take turns, as
// those that Kubernetes mounts do, and goes with the folder that they are in; but not with more
// than that.
std::string HiddenFor(const Way& way, const std::vector<std::string>& readable) {
  if (way.links.empty()) return way.place;
  const std::string folder = fs::path(way.links.front()).parent_path().string();
  const bool holds_more = std::ranges::any_of(
      readable, [&folder](const auto& path) { return IsBelow(path, {folder}); });
  return !holds_more && IsBelow(way.place, {folder}) ? folder : way.place;
}

}  // namespace

absl::Status FollowedFiles::Admit(const std::string& path, const struct stat& info, Use use) {
  absl::MutexLock lock(&mutex_);
  if (!is_sealed_) {
    noted_[path] = {use, info.st_dev, info.st_ino, info.st_nlink == 1};
    return absl::OkStatus();
  }
  const auto noted = noted_.find(path);
  const bool is_kept = noted != noted_.end() && noted->second.is_kept;
  if (is_kept && noted->second.device == info.st_dev && noted->second.inode == info.st_ino) {
    return absl::OkStatus();
  }
  const std::optional<Way> way = FindWay(path);
  if (way.has_value() && !IsWithin(*way, reach_, use)) return absl::OkStatus();
  return absl::FailedPreconditionError(fmt::format(
      "{} lies where the command can {}{}; keep it elsewhere, or start again", path,
      use == Use::kSteers ? "write" : "read",
      is_kept ? " and is another file than at the start (write into the old one instead)" : ""));
}

absl::StatusOr<std::string> FollowedFiles::Read(const std::string& path, size_t max_bytes) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  struct stat info = {};
  if (!fd || fstat(fd.get(), &info) != 0) {
    return ErrnoStatus(errno, fmt::format("cannot open {}", path));
  }
  RETURN_IF_ERROR(Admit(path, info));
  return ReadToEnd(fd.get(), path, max_bytes);
}

FollowedFiles::Exposed FollowedFiles::Seal(const Reach& reach, Keeping keeping) {
  absl::MutexLock lock(&mutex_);
  is_sealed_ = true;
  reach_.writable = WithoutLinks(reach.writable);
  reach_.readable = WithoutLinks(reach.readable);
  reach_.readable.insert(reach_.readable.end(), reach_.writable.begin(), reach_.writable.end());
  Exposed exposed;
  for (auto& [path, noted] : noted_) {
    const std::optional<Way> way = FindWay(path);
    if (!way.has_value() || !IsWithin(*way, reach_, noted.use)) continue;
    if (noted.use == Use::kSteers) {
      exposed.steering.push_back(way->place);
    } else {
      exposed.secret.push_back(HiddenFor(*way, reach_.readable));
    }
    // Mounts keep the file from the program, but not by another name of it, and no link from
    // leading elsewhere.
    noted.is_kept =
        keeping == Keeping::kByMounts && noted.has_one_name && !HasLinkBelow(*way, reach_.writable);
  }
  return exposed;
}

}  // namespace sallyport

#include "supervisor/provided_files.h"

#include <fmt/core.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/status.h"

namespace sallyport::supervisor {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kOwnerMayWrite = 0200;

bool Exists(const std::string& path) {
  struct stat info = {};
  return lstat(path.c_str(), &info) == 0;
}

// The nearest folder above `path` that exists, links followed.
fs::path ExistingFolder(const fs::path& path) {
  fs::path folder = path.parent_path();
  std::error_code error;
  while (!fs::is_directory(folder, error) && folder != folder.parent_path()) {
    folder = folder.parent_path();
  }
  fs::path real = fs::canonical(folder, error);
  return error ? folder : real;
}

bool IsWithin(const fs::path& path, const fs::path& folder) {
  return std::mismatch(folder.begin(), folder.end(), path.begin(), path.end()).first ==
         folder.end();
}

// Whether what is made at `path` appears in a folder of the host's that the command sees.
bool IsInView(const std::string& path, const std::vector<PathRule>& view) {
  const fs::path folder = ExistingFolder(path);
  return std::ranges::any_of(view, [&folder](const PathRule& rule) {
    std::error_code error;
    const fs::path shown = fs::canonical(rule.path, error);
    return !error && IsWithin(folder, shown);
  });
}

absl::Status Failed(const proxy::ProvidedFile& file, std::string_view why) {
  return absl::FailedPreconditionError(
      fmt::format("provider {} cannot give the command its {}: {}", file.provider, file.path, why));
}

}  // namespace

absl::StatusOr<ProvidedFilePlan> PlaceProvidedFiles(const std::vector<proxy::ProvidedFile>& files,
                                                    const std::string& home,
                                                    const std::vector<PathRule>* view,
                                                    const std::optional<UserAndGroup>& owner) {
  ProvidedFilePlan plan;
  for (const proxy::ProvidedFile& file : files) {
    const bool below_home = file.path.starts_with("~/");
    if (below_home && !home.starts_with('/')) {
      return Failed(file, "the command has no home folder; set HOME");
    }
    const std::string folder = below_home ? home : "/";
    const std::string path =
        (fs::path(folder) / file.path.substr(below_home ? 2 : 1)).lexically_normal().string();
    if (!file.file_variable.empty()) plan.variables[file.file_variable] = path;
    if (!file.folder_variable.empty()) {
      plan.variables[file.folder_variable] = fs::path(path).parent_path().string();
    }
    if (view != nullptr && (Exists(path) || !IsInView(path, *view))) {
      plan.shown.push_back({.path = path, .contents = file.contents, .mode = file.mode});
      continue;
    }
    const absl::Status written = plan.written.Write(folder, file.path.substr(below_home ? 2 : 1),
                                                    file.contents, file.mode, owner);
    if (absl::IsAlreadyExists(written)) {
      return Failed(file, fmt::format("there is a {} already, which is not overwritten; "
                                      "--isolation netns would show another in its place",
                                      path));
    }
    if (!written.ok()) return Failed(file, Message(written));
    const bool writable = (file.mode & kOwnerMayWrite) != 0;
    plan.paths.push_back({path, writable ? PathAccess::kReadWrite : PathAccess::kRead});
  }
  return plan;
}

}  // namespace sallyport::supervisor

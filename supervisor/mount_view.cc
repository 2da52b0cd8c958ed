#include "supervisor/mount_view.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <filesystem>
#include <optional>
#include <string_view>
#include <utility>

#include "base/status.h"
#include "base/unique_fd.h"

namespace sallyport::supervisor {
namespace {

namespace fs = std::filesystem;

// Any folder that exists everywhere does: it is covered while the view is built, in this mount
// namespace alone.
constexpr const char* kBase = "/tmp";
// From the moment that kBase is the root.
constexpr const char* kOld = "/old";
constexpr const char* kNew = "/new";
constexpr const char* kResolvConf = "/resolv.conf";
constexpr const char* kHidden = "/hidden";
// As the kernel follows them (path_resolution(7)).
constexpr int kMaxLinks = 40;

constexpr std::array kPlainDevices = {"/dev/null", "/dev/zero", "/dev/full", "/dev/random",
                                      "/dev/urandom"};

absl::Status Failed(std::string_view what, std::string_view path) {
  return ErrnoStatus(errno, fmt::format("cannot {} {} for the command", what, path));
}

std::string Under(const char* root, const std::string& path) { return root + path; }

bool Exists(const std::string& path) {
  struct stat info = {};
  return lstat(path.c_str(), &info) == 0;
}

// mount_setattr(2), which is as old as the first Landlock; headers may be older.
struct MountAttributes {
  uint64_t set;
  uint64_t clear;
  uint64_t propagation;
  uint64_t user_namespace;
};
constexpr uint64_t kReadOnly = 0x1;
constexpr uint64_t kNoSuid = 0x2;
constexpr uint64_t kNoDevices = 0x4;
constexpr unsigned kRecursive = 0x8000;  // AT_RECURSIVE
constexpr long kMountSetattr = 442;

absl::Status Restrict(const std::string& mount, uint64_t flags) {
  MountAttributes attributes = {flags, 0, 0, 0};
  if (syscall(kMountSetattr, AT_FDCWD, mount.c_str(), kRecursive, &attributes,
              sizeof(attributes)) != 0) {
    return Failed("restrict", mount);
  }
  return absl::OkStatus();
}

// Makes the folders above `path`, which is below kNew.
absl::Status MakeParents(const std::string& path) {
  for (size_t slash = path.find('/', 1); slash != path.npos; slash = path.find('/', slash + 1)) {
    const std::string folder = path.substr(0, slash);
    if (mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) return Failed("make", folder);
  }
  return absl::OkStatus();
}

absl::Status MakeEmptyFile(const std::string& path) {
  RETURN_IF_ERROR(MakeParents(path));
  const UniqueFd file(open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0644));
  return file ? absl::OkStatus() : Failed("make", path);
}

// Builds the view below kNew out of what is below kOld.
class ViewBuilder {
 public:
  // `terminal`: the path outside of the one that this process has; empty if it has none.
  ViewBuilder(const MountView& view, std::string terminal)
      : view_(view), terminal_(std::move(terminal)) {}

  absl::Status Build();

 private:
  // The place that `path` names outside, links followed; the links that lead there are made in
  // the view too. Nothing where there is no such place.
  absl::StatusOr<std::optional<std::string>> Follow(const std::string& path);
  absl::Status Show(const PathRule& rule);
  absl::Status Bind(const std::string& source, const std::string& target, uint64_t restrictions);
  absl::Status ShowDevices();
  absl::Status ShowTerminal();
  absl::Status ShowProcesses();
  absl::Status Cover(const std::string& source, const std::string& target);
  // The place of what does not exist outside: its folders, as far as they do, with links followed.
  absl::StatusOr<std::string> FollowFolders(const std::string& path);
  absl::Status ShowFile(const ShownFile& file, const std::string& made);
  absl::Status Keep(const std::string& path);
  absl::Status Hide(const std::string& path);
  absl::Status CoverResolvConf();

  const MountView& view_;
  const std::string terminal_;
};

absl::Status ViewBuilder::Build() {
  // Sorted, a folder comes before what is inside it.
  std::vector<PathRule> paths = view_.paths;
  std::stable_sort(paths.begin(), paths.end(),
                   [](const PathRule& a, const PathRule& b) { return a.path < b.path; });
  for (const PathRule& rule : paths) RETURN_IF_ERROR(Show(rule));
  RETURN_IF_ERROR(ShowDevices());
  RETURN_IF_ERROR(ShowProcesses());
  for (const CoveredFile& file : view_.covered) {
    RETURN_IF_ERROR(Cover(Under(kOld, file.source), file.target));
  }
  for (size_t i = 0; i < view_.shown.size(); ++i) {
    RETURN_IF_ERROR(ShowFile(view_.shown[i], fmt::format("/shown-{}", i)));
  }
  for (const std::string& path : view_.kept) RETURN_IF_ERROR(Keep(path));
  for (const std::string& path : view_.hidden) RETURN_IF_ERROR(Hide(path));
  return CoverResolvConf();
}

absl::StatusOr<std::optional<std::string>> ViewBuilder::Follow(const std::string& path) {
  std::string rest = fs::path(path).lexically_normal().string();
  std::string done;
  for (int links = 0; !rest.empty();) {
    const size_t end = std::min(rest.find('/', 1), rest.size());
    const std::string next = done + rest.substr(0, end);
    rest.erase(0, end);
    if (next == done + "/") break;  // "/" itself, or a slash at the end
    struct stat info = {};
    if (lstat(Under(kOld, next).c_str(), &info) != 0) return std::nullopt;
    if (!S_ISLNK(info.st_mode)) {
      done = next;
      continue;
    }
    if (++links > kMaxLinks) return std::nullopt;
    char target[PATH_MAX];
    const ssize_t size = readlink(Under(kOld, next).c_str(), target, sizeof(target) - 1);
    if (size <= 0) return std::nullopt;
    target[size] = '\0';
    const std::string link = Under(kNew, next);
    if (!Exists(link)) {
      RETURN_IF_ERROR(MakeParents(link));
      if (symlink(target, link.c_str()) != 0) return Failed("make", next);
    }
    const fs::path folder = done.empty() ? "/" : done;
    rest.insert(0, (folder / target).lexically_normal().string());
    done.clear();
  }
  return done.empty() ? "/" : done;
}

absl::Status ViewBuilder::Show(const PathRule& rule) {
  if (rule.path == "/proc" || rule.path.starts_with("/proc/")) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::optional<std::string> place, Follow(rule.path));
  if (!place.has_value()) return absl::OkStatus();
  uint64_t restrictions = kNoSuid;
  const bool device = rule.access == PathAccess::kDevice || rule.access == PathAccess::kTerminal ||
                      place->starts_with("/dev/");
  if (!device) restrictions |= kNoDevices;
  if (rule.access == PathAccess::kRead && !device) restrictions |= kReadOnly;
  return Bind(Under(kOld, *place), Under(kNew, *place), restrictions);
}

absl::Status ViewBuilder::Bind(const std::string& source, const std::string& target,
                               uint64_t restrictions) {
  struct stat info = {};
  if (stat(source.c_str(), &info) != 0) return Failed("find", source);
  if (!Exists(target)) {
    if (S_ISDIR(info.st_mode)) {
      RETURN_IF_ERROR(MakeParents(target + "/"));
    } else {
      RETURN_IF_ERROR(MakeEmptyFile(target));
    }
  }
  // A bind without the mounts below it would show what they hide, which the kernel refuses.
  if (mount(source.c_str(), target.c_str(), nullptr, MS_BIND | MS_REC, nullptr) != 0) {
    return Failed("show", target);
  }
  return Restrict(target, restrictions);
}

absl::Status ViewBuilder::ShowDevices() {
  for (const char* device : kPlainDevices) {
    if (Exists(Under(kNew, device)) || !Exists(Under(kOld, device))) continue;
    RETURN_IF_ERROR(Bind(Under(kOld, device), Under(kNew, device), kNoSuid));
  }
  RETURN_IF_ERROR(ShowTerminal());
  const std::string memory = Under(kNew, "/dev/shm");
  if (!Exists(memory)) {
    RETURN_IF_ERROR(MakeParents(memory + "/"));
    if (mount("shm", memory.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777") != 0) {
      return Failed("make", "/dev/shm");
    }
  }
  constexpr std::pair<const char*, const char*> kLinks[] = {{"/dev/fd", "/proc/self/fd"},
                                                            {"/dev/stdin", "/proc/self/fd/0"},
                                                            {"/dev/stdout", "/proc/self/fd/1"},
                                                            {"/dev/stderr", "/proc/self/fd/2"}};
  for (const auto& [link, target] : kLinks) {
    if (!Exists(Under(kNew, link))) (void)!symlink(target, Under(kNew, link).c_str());
  }
  return absl::OkStatus();
}

// The one terminal that sallyport was started from, and pseudoterminals of the view's own: those of
// others would let the child read and type there.
absl::Status ViewBuilder::ShowTerminal() {
  if (!Exists(Under(kNew, "/dev/tty")) && Exists(Under(kOld, "/dev/tty"))) {
    RETURN_IF_ERROR(Bind(Under(kOld, "/dev/tty"), Under(kNew, "/dev/tty"), kNoSuid));
  }
  if (!terminal_.empty()) {
    RETURN_IF_ERROR(Bind(Under(kOld, terminal_), Under(kNew, "/dev/console"), kNoSuid));
  }
  const std::string terminals = Under(kNew, "/dev/pts");
  if (Exists(terminals)) return absl::OkStatus();
  RETURN_IF_ERROR(MakeParents(terminals + "/"));
  if (mount("devpts", terminals.c_str(), "devpts", MS_NOSUID | MS_NOEXEC,
            "newinstance,ptmxmode=0666,mode=620") != 0) {
    return Failed("make", "/dev/pts");
  }
  if (symlink("pts/ptmx", Under(kNew, "/dev/ptmx").c_str()) != 0 && errno != EEXIST) {
    return Failed("make", "/dev/ptmx");
  }
  return absl::OkStatus();
}

absl::Status ViewBuilder::ShowProcesses() {
  const std::string processes = Under(kNew, "/proc");
  RETURN_IF_ERROR(MakeParents(processes + "/"));
  if (!view_.own_process_ids) {
    return Bind(Under(kOld, "/proc"), processes, kNoSuid | kNoDevices | kReadOnly);
  }
  // Read-only, since /proc/sys lets user 0 write whatever its capabilities are.
  if (mount("proc", processes.c_str(), "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY,
            nullptr) != 0) {
    return Failed("show", "/proc");
  }
  return absl::OkStatus();
}

absl::Status ViewBuilder::Cover(const std::string& source, const std::string& target) {
  ASSIGN_OR_RETURN(const std::optional<std::string> place, Follow(target));
  if (!place.has_value() || !Exists(Under(kNew, *place))) return absl::OkStatus();
  return Bind(source, Under(kNew, *place), kNoSuid | kNoDevices | kReadOnly);
}

absl::StatusOr<std::string> ViewBuilder::FollowFolders(const std::string& path) {
  fs::path folder = fs::path(path).lexically_normal();
  fs::path rest;
  while (true) {
    rest = rest.empty() ? folder.filename() : folder.filename() / rest;
    folder = folder.parent_path();
    ASSIGN_OR_RETURN(const std::optional<std::string> place, Follow(folder.string()));
    if (place.has_value()) return (fs::path(*place) / rest).string();
  }
}

// `made` is where it is written, beside the view.
absl::Status ViewBuilder::ShowFile(const ShownFile& file, const std::string& made) {
  const UniqueFd fd(open(made.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600));
  const bool written =
      fd &&
      write(fd.get(), file.contents.data(), file.contents.size()) ==
          static_cast<ssize_t>(file.contents.size()) &&
      (!view_.owner.has_value() || fchown(fd.get(), view_.owner->user, view_.owner->group) == 0) &&
      fchmod(fd.get(), file.mode) == 0;
  if (!written) return Failed("write", file.path);
  ASSIGN_OR_RETURN(const std::optional<std::string> outside, Follow(file.path));
  std::string place = outside.value_or("");
  if (place.empty()) {
    ASSIGN_OR_RETURN(place, FollowFolders(file.path));
  }
  std::string folder = place;
  while (!Exists(Under(kNew, folder))) folder = fs::path(folder).parent_path().string();
  struct stat view = {};
  struct stat nearest = {};
  if (stat(kNew, &view) != 0 || stat(Under(kNew, folder).c_str(), &nearest) != 0) {
    return Failed("find", folder);
  }
  // Nothing is made in a folder that is the host's.
  if (folder != place && nearest.st_dev != view.st_dev) {
    return absl::FailedPreconditionError(fmt::format(
        "cannot show {} to the command: {} is a folder of the host's", file.path, folder));
  }
  constexpr mode_t kWritable = 0200;
  return Bind(made, Under(kNew, place),
              kNoSuid | kNoDevices | ((file.mode & kWritable) != 0 ? 0 : kReadOnly));
}

// What something is mounted on cannot be renamed or removed (rename(2), EBUSY).
absl::Status ViewBuilder::Keep(const std::string& path) {
  if (!Exists(Under(kNew, path))) return absl::OkStatus();
  for (size_t slash = path.find('/', 1); slash != path.npos; slash = path.find('/', slash + 1)) {
    const std::string folder = Under(kNew, path.substr(0, slash));
    if (mount(folder.c_str(), folder.c_str(), nullptr, MS_BIND | MS_REC, nullptr) != 0) {
      return Failed("keep", folder);
    }
  }
  return Bind(Under(kNew, path), Under(kNew, path), kNoSuid | kNoDevices | kReadOnly);
}

absl::Status ViewBuilder::Hide(const std::string& path) {
  const std::string place = Under(kNew, path);
  struct stat info = {};
  if (lstat(place.c_str(), &info) != 0) return absl::OkStatus();
  if (S_ISDIR(info.st_mode)) {
    if (mount("hidden", place.c_str(), "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV, "mode=0555") !=
        0) {
      return Failed("hide", path);
    }
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(MakeEmptyFile(kHidden));
  return Bind(kHidden, place, kNoSuid | kNoDevices | kReadOnly);
}

absl::Status ViewBuilder::CoverResolvConf() {
  if (view_.resolv_conf.empty()) return absl::OkStatus();
  const UniqueFd file(open(kResolvConf, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644));
  if (!file || write(file.get(), view_.resolv_conf.data(), view_.resolv_conf.size()) !=
                   static_cast<ssize_t>(view_.resolv_conf.size())) {
    return Failed("write", "/etc/resolv.conf");
  }
  ASSIGN_OR_RETURN(const std::optional<std::string> place, Follow("/etc/resolv.conf"));
  // Where there is none, resolvers ask 127.0.0.1 (resolv.conf(5)), and so the same responder.
  if (!place.has_value()) return absl::OkStatus();
  return Bind(kResolvConf, Under(kNew, *place), kNoSuid | kNoDevices | kReadOnly);
}

// The path of the first of the standard streams that is a terminal; empty where none is, or where
// it is of another mount namespace and has no path here.
std::string TerminalPath() {
  for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    char path[PATH_MAX];
    struct stat terminal = {};
    struct stat named = {};
    if (isatty(fd) == 0 || fstat(fd, &terminal) != 0) continue;
    if (ttyname_r(fd, path, sizeof(path)) == 0 && stat(path, &named) == 0 &&
        named.st_rdev == terminal.st_rdev) {
      return path;
    }
  }
  return {};
}

// Makes kBase the root, with the old one at kOld in it and an empty mount at kNew.
absl::Status OpenWorkshop() {
  // What happens here is not to be seen outside.
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return Failed("detach the mounts of", "/");
  }
  if (mount("sallyport", kBase, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") != 0 ||
      chdir(kBase) != 0 || mkdir("old", 0755) != 0 || mkdir("new", 0755) != 0 ||
      mount("sallyport", "new", "tmpfs", MS_NOSUID, "mode=0755") != 0 ||
      syscall(SYS_pivot_root, ".", "old") != 0 || chdir("/") != 0) {
    return Failed("make a root", "folder");
  }
  return absl::OkStatus();
}

// Makes kNew the root and lets go of everything else.
absl::Status MoveIn() {
  if (mount(nullptr, kNew, nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID, nullptr) != 0) {
    return Failed("close the root", "folder");
  }
  // Both roots at one place, the old one on top, to be taken off again (pivot_root(2)).
  if (chdir(kNew) != 0 || syscall(SYS_pivot_root, ".", ".") != 0 || umount2(".", MNT_DETACH) != 0 ||
      chdir("/") != 0) {
    return Failed("enter the root", "folder");
  }
  return absl::OkStatus();
}

}  // namespace

std::vector<PathRule> BasicDevices() {
  std::vector<PathRule> rules = {{"/dev/tty", PathAccess::kTerminal},
                                 {"/dev/console", PathAccess::kTerminal},
                                 {"/dev/ptmx", PathAccess::kTerminal},
                                 {"/dev/pts", PathAccess::kTerminal},
                                 {"/dev/shm", PathAccess::kReadWrite}};
  for (const char* device : kPlainDevices) rules.push_back({device, PathAccess::kDevice});
  return rules;
}

absl::Status EnterMountView(const MountView& view) {
  std::string terminal = TerminalPath();
  // Modes given to mkdir and open are meant as they are.
  const mode_t mask = umask(0);
  absl::Status status = OpenWorkshop();
  if (status.ok()) status = ViewBuilder(view, std::move(terminal)).Build();
  if (status.ok()) status = MoveIn();
  umask(mask);
  return status;
}

}  // namespace sallyport::supervisor

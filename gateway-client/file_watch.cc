#include "gateway-client/file_watch.h"

#include <fmt/core.h>
#include <limits.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <deque>
#include <string_view>

#include "base/log.h"

namespace sallyport::sources {
namespace {

// IN_CLOSE_WRITE and not IN_MODIFY: a file that is being written in place is read when it is whole.
constexpr uint32_t kEvents = IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE |
                             IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR |
                             IN_DONT_FOLLOW;

// As the kernel's MAXSYMLINKS.
constexpr int kMaxLinks = 40;

// Puts the components of `path` before those in `rest`.
void PrependComponents(std::string_view path, std::deque<std::string>* rest) {
  size_t end = path.size();
  while (end > 0) {
    const size_t slash = path.rfind('/', end - 1);
    const size_t start = slash == path.npos ? 0 : slash + 1;
    const std::string_view component = path.substr(start, end - start);
    if (!component.empty() && component != ".") rest->emplace_front(component);
    if (slash == path.npos) return;
    end = slash;
  }
}

std::string ParentOf(const std::string& folder) {
  const size_t slash = folder.rfind('/');
  return slash == 0 || slash == folder.npos ? "/" : folder.substr(0, slash);
}

// Where the resolution of `path` begins.
std::string StartFolder(const std::string& path) {
  char buffer[PATH_MAX];
  if (path.starts_with('/') || getcwd(buffer, sizeof(buffer)) == nullptr) return "/";
  return buffer;
}

}  // namespace

std::set<std::pair<std::string, std::string>> StepsOfPath(const std::string& path) {
  std::set<std::pair<std::string, std::string>> steps;
  std::deque<std::string> rest;
  std::string folder = StartFolder(path);
  PrependComponents(path, &rest);
  int links = 0;
  while (!rest.empty()) {
    const std::string name = std::move(rest.front());
    rest.pop_front();
    if (name == "..") {
      folder = ParentOf(folder);
      continue;
    }
    steps.emplace(folder, name);
    std::string full = folder == "/" ? "/" + name : fmt::format("{}/{}", folder, name);
    struct stat info = {};
    if (lstat(full.c_str(), &info) != 0) return steps;
    if (!S_ISLNK(info.st_mode)) {
      folder = std::move(full);
      continue;
    }
    char target[PATH_MAX];
    const ssize_t size = readlink(full.c_str(), target, sizeof(target));
    if (size <= 0 || ++links > kMaxLinks) return steps;
    if (target[0] == '/') folder.assign(1, '/');
    PrependComponents({target, static_cast<size_t>(size)}, &rest);
  }
  return steps;
}

FileWatch::FileWatch() : inotify_(inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
  if (!inotify_) {
    log::Warn("credentials",
              fmt::format("cannot watch credential files ({}); they are read again now and then",
                          std::strerror(errno)));
  }
}

void FileWatch::Add(const std::string& path) {
  if (!inotify_) return;
  // What changed before its folder was watched went unseen: walk again until nothing new appears.
  constexpr int kMaxWalks = 8;
  for (int walk = 0; walk < kMaxWalks; ++walk) {
    bool found_new = false;
    steps_[path] = StepsOfPath(path);
    for (const auto& [folder, name] : steps_[path]) {
      const int watch = inotify_add_watch(inotify_.get(), folder.c_str(), kEvents);
      if (watch < 0) continue;  // gone again, or unreadable; the regular second look remains
      // A folder that was replaced has a new descriptor under its old name.
      const auto [entry, inserted] = watches_.try_emplace(folder, watch);
      if (inserted || entry->second != watch) found_new = true;
      entry->second = watch;
      folders_[watch] = folder;
    }
    if (!found_new) break;
  }
  RemoveUnused();
}

void FileWatch::Remove(const std::string& path) {
  steps_.erase(path);
  RemoveUnused();
}

void FileWatch::RemoveUnused() {
  std::set<std::string> used;
  for (const auto& [path, steps] : steps_) {
    for (const auto& [folder, name] : steps) used.insert(folder);
  }
  for (auto it = folders_.begin(); it != folders_.end();) {
    const auto watch = watches_.find(it->second);
    const bool current = watch != watches_.end() && watch->second == it->first;
    if (current && used.contains(it->second)) {
      ++it;
      continue;
    }
    // Fails where the folder is gone, and the watch with it.
    (void)inotify_rm_watch(inotify_.get(), it->first);
    if (current) watches_.erase(watch);
    folders_.erase(it++);
  }
}

std::vector<std::string> FileWatch::TakeChanged() {
  std::set<std::string> changed;
  alignas(inotify_event) char buffer[4096];
  while (inotify_) {
    const ssize_t size = read(inotify_.get(), buffer, sizeof(buffer));
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) break;
    for (ssize_t offset = 0; offset < size;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer + offset);
      offset += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
      const auto folder = folders_.find(event->wd);
      const bool whole_folder = event->len == 0;  // the folder itself moved, or events were lost
      for (const auto& [path, steps] : steps_) {
        if ((event->mask & IN_Q_OVERFLOW) != 0) changed.insert(path);
        if (folder == folders_.end()) continue;
        for (const auto& [step_folder, name] : steps) {
          if (step_folder == folder->second && (whole_folder || name == event->name)) {
            changed.insert(path);
          }
        }
      }
      if ((event->mask & IN_IGNORED) != 0 && folder != folders_.end()) {
        const auto watch = watches_.find(folder->second);
        if (watch != watches_.end() && watch->second == event->wd) watches_.erase(watch);
        folders_.erase(folder);
      }
    }
  }
  return {changed.begin(), changed.end()};
}

}  // namespace sallyport::sources

#include "supervisor/sandbox_processes.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <string>

#include "absl/container/inlined_vector.h"
#include "supervisor/process_stat.h"

namespace sallyport::supervisor {
namespace {

constexpr std::chrono::seconds kLimit(5);
// No process has it for its number.
constexpr pid_t kNotKnown = -1;
constexpr int kFolder = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

std::optional<pid_t> ParseNumber(std::string_view name) {
  pid_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return number;
}

// Calls `visit` with the name of each entry. Returns errno.
template <typename Visit>
int ForEachEntry(int folder, Visit visit) {
  alignas(dirent64) std::array<char, 16384> entries;
  while (true) {
    const ssize_t size = getdents64(folder, entries.data(), entries.size());
    if (size <= 0) return size < 0 ? errno : 0;
    for (ssize_t at = 0; at < size;) {
      const auto* entry = reinterpret_cast<const dirent64*>(entries.data() + at);
      visit(static_cast<const char*>(entry->d_name));
      at += entry->d_reclen;
    }
  }
}

enum class Look : uint8_t { kDone, kGone, kHidden };

// What to make of a process whose descriptors were not all seen. Only one that is gone for certain
// holds nothing: want of memory or descriptors here must not hide anybody.
Look Doubt(int proc, const std::string& process) {
  const std::optional<ProcessStat> stat = ReadProcessStat(proc, (process + "/stat").c_str());
  if (stat.has_value()) return stat->is_over() ? Look::kGone : Look::kHidden;
  const bool exists = faccessat(proc, process.c_str(), F_OK, 0) == 0 || errno != ENOENT;
  return exists ? Look::kHidden : Look::kGone;
}

// Calls `found` with the process's folder of descriptors and the inode of each socket in it.
template <typename Found>
Look LookInto(int proc, const std::string& process, Found found) {
  const UniqueFd descriptors(openat(proc, (process + "/fd").c_str(), kFolder));
  if (!descriptors) return Doubt(proc, process);
  bool any = false;
  bool complete = true;
  const int error = ForEachEntry(descriptors.get(), [&](const char* name) {
    if (*name == '.') return;
    std::array<char, 64> target;
    const ssize_t size = readlinkat(descriptors.get(), name, target.data(), target.size());
    any = any || size >= 0;
    if (size < 0) {
      complete = complete && errno == ENOENT;  // closed in the meantime
      return;
    }
    const auto socket = ParseSocketLink({target.data(), static_cast<size_t>(size)});
    if (socket.has_value()) complete = found(descriptors.get(), *socket) && complete;
  });
  if (error == 0 && any && complete) return Look::kDone;
  const std::optional<ProcessStat> stat = ReadProcessStat(descriptors.get(), "../stat");
  // The first thread may have ended, and its descriptors with it, while others go on with theirs.
  const bool closed_all = stat.has_value() && stat->state != 'Z' && error == 0 && complete;
  return closed_all ? Look::kDone : Doubt(proc, process);
}

}  // namespace

std::optional<ino_t> ParseSocketLink(std::string_view target) {
  constexpr std::string_view kBegin = "socket:[";
  if (!target.starts_with(kBegin) || !target.ends_with(']')) return std::nullopt;
  target.remove_prefix(kBegin.size());
  target.remove_suffix(1);
  ino_t inode = 0;
  const auto [end, error] = std::from_chars(target.data(), target.data() + target.size(), inode);
  if (error != std::errc() || end != target.data() + target.size()) return std::nullopt;
  return inode;
}

std::optional<std::vector<pid_t>> SandboxProcesses::List() {
  std::vector<pid_t> all;
  const UniqueFd folder(openat(proc_.get(), ".", kFolder));
  const int error = ForEachEntry(folder.get(), [&all](const char* name) {
    if (const std::optional<pid_t> number = ParseNumber(name)) all.push_back(*number);
  });
  if (error != 0) return std::nullopt;
  constexpr pid_t kInit = 1;
  if (root_ == kInit) {
    std::erase(all, kInit);
  } else {
    Sort(all);
    std::erase_if(all, [this](pid_t process) {
      const auto known = known_.find(process);
      return known == known_.end() || !known->second.is_ours;
    });
  }
  return all;
}

void SandboxProcesses::Sort(const std::vector<pid_t>& all) {
  absl::flat_hash_map<pid_t, Known> known;
  absl::flat_hash_map<pid_t, pid_t> parents;  // of those that were not there before
  for (const pid_t process : all) {
    const std::string name = std::to_string(process);
    struct stat info = {};
    if (fstatat(proc_.get(), name.c_str(), &info, 0) != 0) continue;
    const Known now = {info.st_ino, info.st_ctim.tv_sec, info.st_ctim.tv_nsec};
    const auto before = known_.find(process);
    if (before != known_.end() && before->second.IsSameProcess(now)) {
      known.emplace(process, before->second);
      continue;
    }
    known.emplace(process, now);
    if (process == root_) continue;
    const auto stat = ReadProcessStat(proc_.get(), (name + "/stat").c_str());
    parents.emplace(process, stat.has_value() ? stat->parent : kNotKnown);
  }
  for (const auto& [process, parent] : parents) {
    pid_t above = parent;
    // As deep as there are processes, and no deeper where a number was used again.
    for (size_t depth = 0; depth < all.size() && parents.contains(above); ++depth) {
      above = parents.at(above);
    }
    const auto decided = known.find(above);
    Known& one = known.at(process);
    one.is_certain = above == root_ || above == 0 || decided != known.end();
    // Who has lost its parent in the meantime is ours until the contrary is known.
    one.is_ours = above == root_ || !one.is_certain || (above != 0 && decided->second.is_ours);
  }
  known_ = std::move(known);
}

SandboxProcesses::Holders SandboxProcesses::Find(const absl::flat_hash_set<ino_t>& sockets) {
  const auto deadline = std::chrono::steady_clock::now() + kLimit;
  Holders holders;
  const std::optional<std::vector<pid_t>> all = List();
  holders.complete = all.has_value();
  if (!all.has_value()) return holders;
  for (const pid_t process : *all) {
    if (std::chrono::steady_clock::now() > deadline) {
      holders.complete = false;
      break;
    }
    absl::InlinedVector<ino_t, 4> held;
    const Look look =
        LookInto(proc_.get(), std::to_string(process), [&](int descriptors, ino_t socket) {
          if (!sockets.contains(socket) || std::ranges::count(held, socket) > 0) return true;
          UniqueFd folder(openat(descriptors, "..", kFolder));
          if (!folder) return false;
          held.push_back(socket);
          holders.found.push_back({socket, process, std::move(folder)});
          return true;
        });
    if (look == Look::kHidden) holders.hidden = process;
  }
  return holders;
}

}  // namespace sallyport::supervisor

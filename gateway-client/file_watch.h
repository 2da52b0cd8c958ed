#ifndef SALLYPORT_GATEWAY_CLIENT_FILE_WATCH_H_
#define SALLYPORT_GATEWAY_CLIENT_FILE_WATCH_H_

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/clock.h"
#include "base/unique_fd.h"

namespace sallyport::sources {

// Says when the file that a path leads to may have changed, whichever way: written, replaced,
// created for the first time, a symbolic link on the way swapped (Kubernetes mounts), a folder on
// the way renamed. It walks the path as the kernel does and watches each name it passes in the
// folder that holds it (inotify(7)). Watching the file itself would follow the inode, and miss all
// but the first of these. One thread.
class FileWatch {
 public:
  FileWatch();

  // Watches `path` too; call again after each change, for the way may have become another one.
  void Add(const std::string& path);
  void Remove(const std::string& path);

  // Reads what happened: the paths that may have changed, each once.
  std::vector<std::string> TakeChanged();

  // Readable when TakeChanged has something; -1 if the kernel gave no inotify instance.
  int fd() const { return inotify_.get(); }

 private:
  // A name in a folder that a path leads through.
  using Step = std::pair<std::string, std::string>;

  void RemoveUnused();

  UniqueFd inotify_;
  absl::flat_hash_map<std::string, std::set<Step>> steps_;  // by watched path
  absl::flat_hash_map<int, std::string> folders_;           // by watch descriptor
  absl::flat_hash_map<std::string, int> watches_;           // by folder
};

// Every name that resolving `path` passes, with the folder it lies in, up to the first that does
// not exist (path_resolution(7)). Folders are free of symbolic links.
std::set<std::pair<std::string, std::string>> StepsOfPath(const std::string& path);

}  // namespace sallyport::sources

#endif  // SALLYPORT_GATEWAY_CLIENT_FILE_WATCH_H_

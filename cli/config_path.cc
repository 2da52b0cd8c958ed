#include "cli/config_path.h"

#include <fmt/core.h>

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "base/status.h"

namespace sallyport::cli {
namespace {

// Empty where the variable is unset.
std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string HomeFolder() {
  if (std::string home = Environment("HOME"); home.starts_with('/')) return home;
  const passwd* entry = getpwuid(getuid());
  return entry == nullptr || entry->pw_dir == nullptr ? "" : entry->pw_dir;
}

// 0, or the errno of stat(2).
int Stat(const std::string& path) {
  struct stat info = {};
  return stat(path.c_str(), &info) == 0 ? 0 : errno;
}

bool IsAbsent(int error) { return error == ENOENT || error == ENOTDIR; }

}  // namespace

std::vector<std::string> DefaultConfigFiles() {
  std::vector<std::string> files;
  const std::string home = HomeFolder();
  // The XDG base directory specification: a relative path counts as unset.
  std::string config = Environment("XDG_CONFIG_HOME");
  if (!config.starts_with('/')) config = home.starts_with('/') ? home + "/.config" : "";
  if (!config.empty()) files.push_back(config + "/sallyport/proxy-config.json");
  if (home.starts_with('/')) files.push_back(home + "/.sandboxd/proxy-config.json");
  return files;
}

absl::StatusOr<std::string> FindConfigFile(const std::string& flag_value) {
  const std::string named = flag_value.empty() ? Environment("SALLYPORT_CONFIG") : flag_value;
  if (!named.empty()) {
    if (const int error = Stat(named); error != 0) {
      return ErrnoStatus(error, fmt::format("cannot use the configuration file {}", named));
    }
    return named;
  }
  for (std::string& file : DefaultConfigFiles()) {
    // One that is there and cannot be reached is found all the same: reading it gives the reason,
    // where passing it over would quietly run under other rules.
    if (!IsAbsent(Stat(file))) return std::move(file);
  }
  return std::string();
}

}  // namespace sallyport::cli

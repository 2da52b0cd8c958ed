#ifndef SALLYPORT_CLI_CONFIG_PATH_H_
#define SALLYPORT_CLI_CONFIG_PATH_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace sallyport::cli {

// Bigger than any configuration that a person or a program means.
inline constexpr size_t kMaxConfigBytes = size_t{16} * 1024 * 1024;

// The proxy-config.json to use: `flag_value` if it is not empty, else $SALLYPORT_CONFIG, else the
// first of DefaultConfigFiles that exists; empty when there is none. A file named by the flag or
// the variable that does not exist is an error.
absl::StatusOr<std::string> FindConfigFile(const std::string& flag_value);

// Where a file is looked for that nobody named: $XDG_CONFIG_HOME/sallyport/proxy-config.json
// (~/.config/…), then ~/.sandboxd/proxy-config.json. Never the working directory, which belongs to
// the untrusted program.
std::vector<std::string> DefaultConfigFiles();

}  // namespace sallyport::cli

#endif  // SALLYPORT_CLI_CONFIG_PATH_H_

#ifndef SALLYPORT_SUPERVISOR_ENVIRONMENT_H_
#define SALLYPORT_SUPERVISOR_ENVIRONMENT_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace sallyport::supervisor {

// Environment variables by name.
using Environment = std::map<std::string, std::string>;

// What a program behind the proxy must know to reach it and to trust it.
struct ProxyAccess {
  // As a client names it: "127.0.0.1", "::1".
  std::string host;
  uint16_t port = 0;
  // PEM: the system's roots and ours.
  std::string ca_bundle_file;
  // Value of JAVA_TOOL_OPTIONS; see JavaFiles.
  std::string java_tool_options;
  // Variable and placeholder of each rule.
  std::vector<std::pair<std::string, std::string>> placeholders;

  // "http://127.0.0.1:39021"
  std::string Url() const;
};

// The proxy and CA variables that the usual programs and libraries read, and the placeholders.
Environment AccessEnvironment(const ProxyAccess& access);

// The child's whole environment. Of `host`, the safe list: HOME, USER, LOGNAME, SHELL, PATH, TERM,
// COLORTERM, LANG, LC_*, TZ, TMPDIR; PWD is `workdir`; then what AccessEnvironment says.
// `requested` are the --env options: "NAME" takes the variable of `host`, but never over what
// access says, so that neither the host's own proxy nor a rule's secret gets in that way;
// "NAME=VALUE" is the operator's word and wins over all.
Environment ChildEnvironment(const Environment& host, const ProxyAccess& access,
                             const std::vector<std::string>& requested, const std::string& workdir);

// Whether `text` can be an --env option: a name without '=' or NUL, and maybe a value.
absl::Status CheckEnvOption(std::string_view text);

// This process's environment.
Environment HostEnvironment();

// NAME=VALUE lines as `docker run --env-file`, systemd's EnvironmentFile and a shell's `.` read
// them. They have no quoting in common: a value with quotes, white space or shell characters is
// written as it is, and a warning names the variable. Fails where a value holds a line break.
absl::StatusOr<std::string> EnvFileText(const Environment& environment);

// "NAME=VALUE" for execve(2).
std::vector<std::string> ToStrings(const Environment& environment);

}  // namespace sallyport::supervisor

#endif  // SALLYPORT_SUPERVISOR_ENVIRONMENT_H_

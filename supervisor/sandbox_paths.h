#ifndef SALLYPORT_SUPERVISOR_SANDBOX_PATHS_H_
#define SALLYPORT_SUPERVISOR_SANDBOX_PATHS_H_

#include <string>
#include <vector>

#include "rules/spawn_policy.h"
#include "supervisor/landlock.h"

namespace sallyport::supervisor {

// What a policy says of the file system.
std::vector<PathRule> PathsOf(const rules::FilesystemPolicy& policy, const std::string& workdir);

// The files in which systems keep the certificates they trust, as far as they are there: what a
// program that reads no variable opens.
std::vector<std::string> SystemCaBundles();

}  // namespace sallyport::supervisor

#endif  // SALLYPORT_SUPERVISOR_SANDBOX_PATHS_H_

#ifndef SALLYPORT_SUPERVISOR_RUN_H_
#define SALLYPORT_SUPERVISOR_RUN_H_

#include <string>
#include <vector>

#include "proxy/server/server.h"
#include "supervisor/isolation.h"

namespace sallyport::supervisor {

// Exit statuses beside the command's own, as env(1) and timeout(1) use them.
inline constexpr int kExitFailed = 125;         // sallyport itself failed
inline constexpr int kExitNotExecutable = 126;  // the command is there and cannot be executed
inline constexpr int kExitNotFound = 127;       // there is no such command

struct RunOptions {
  proxy::ServerOptions server;
  Isolation isolation = Isolation::kAuto;
  // The command and its arguments; at least one.
  std::vector<std::string> command;
  // The command's working directory; empty: the current one.
  std::string workdir;
  // --env options, each checked by CheckEnvOption.
  std::vector<std::string> env;
  // Written when the proxy accepts connections; empty: none.
  std::string ready_file;
};

// `sallyport run` from start to end: the proxy, then the command behind it, until the command ends;
// then whatever the command left behind is ended too. Returns the exit status: the command's,
// 128+N if signal N ended it, or one of the above after telling the user why. Call it from the
// main thread, while the process has no other and holds no secret.
int Run(RunOptions options);

}  // namespace sallyport::supervisor

#endif  // SALLYPORT_SUPERVISOR_RUN_H_

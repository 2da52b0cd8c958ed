#include "cli/proxy_command.h"

#include <fmt/core.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "cli/config_path.h"
#include "cli/flags.h"
#include "cli/proxy_session.h"
#include "cli/server_flags.h"
#include "cli/usage_error.h"
#include "supervisor/diagnostics.h"

namespace sallyport::cli {
namespace {

constexpr const char* kCommand = "sallyport proxy";
constexpr int kExitFailed = 1;

struct ProxyFlags {
  ServerFlags server;
  std::vector<std::string> listen = {"127.0.0.1:3128"};
  std::string env_file;
};

absl::StatusOr<ProxySessionOptions> CheckFlags(const ProxyFlags& flags) {
  ProxySessionOptions options;
  ASSIGN_OR_RETURN(options.server, flags.server.Check());
  bool any_tcp = false;
  for (const std::string& text : flags.listen) {
    absl::StatusOr<proxy::ListenAddress> address = proxy::ListenAddress::Parse(text);
    if (!address.ok()) {
      return absl::InvalidArgumentError(fmt::format("--listen: {}", Message(address.status())));
    }
    any_tcp = any_tcp || address->unix_path.empty();
    options.server.listen.push_back(*std::move(address));
  }
  if (!flags.env_file.empty() && !any_tcp) {
    return absl::InvalidArgumentError(
        "--env-file needs a --listen with an address and a port: proxy variables cannot name a "
        "unix socket");
  }
  options.env_file = flags.env_file;
  options.ready_file = flags.server.ready_file;
  return options;
}

int RunProxyCommand(const ProxyFlags& flags) {
  absl::StatusOr<ProxySessionOptions> options = CheckFlags(flags);
  if (!options.ok()) return ReportUsageError(kCommand, Message(options.status()));
  absl::StatusOr<std::string> config = FindConfigFile(flags.server.config);
  if (config.ok()) {
    options->server.config_file = *std::move(config);
    ProxySession session(*std::move(options));
    absl::Status status = session.Start();
    if (status.ok()) return session.ServeUntilTold();
    config = std::move(status);
  }
  supervisor::PrintFailure(Message(config.status()));
  return kExitFailed;
}

}  // namespace

void AddProxyCommand(CLI::App& app, std::function<int()>* action) {
  CLI::App* command = app.add_subcommand(
      "proxy", "The proxy alone: a sidecar for a container or VM that something else isolates");
  auto flags = std::make_shared<ProxyFlags>();
  flags->server.AddTo(*command);
  AddList(*command, "listen", "ADDR:PORT|unix:PATH",
          "Where to accept connections, port 0 takes a free one; default 127.0.0.1:3128",
          &flags->listen);
  AddValue(*command, "env-file", "FILE",
           "Write what a program behind the proxy should have in its environment, as for docker "
           "run --env-file",
           &flags->env_file);
  command->callback([flags, action] { *action = [flags] { return RunProxyCommand(*flags); }; });
}

}  // namespace sallyport::cli

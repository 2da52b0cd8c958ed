#include "cli/proxy_command.h"

#include <fmt/core.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/status.h"
#include "cli/config_path.h"
#include "cli/flags.h"
#include "cli/policy_choice.h"
#include "cli/provider_choice.h"
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

// What the options mean on this machine: files are looked for.
absl::Status Resolve(const ProxyFlags& flags, ProxySessionOptions* options) {
  ASSIGN_OR_RETURN(options->server.config_file, FindConfigFile(flags.server.config));
  ASSIGN_OR_RETURN(options->server.providers.types, FindProviderTypes(flags.server.provider_types));
  ASSIGN_OR_RETURN(PolicyChoice choice,
                   ChoosePolicyForProxy(flags.server.policy, options->server.files));
  if (choice.source != nullptr) {
    log::Info("policy", "in force; its filesystem_policy, landlock and process are for 'run'",
              {{"source", choice.source->name()}});
  }
  options->server.policy_source = std::move(choice.source);
  options->server.policy = std::move(choice.policy);
  return absl::OkStatus();
}

int RunProxyCommand(const ProxyFlags& flags) {
  absl::StatusOr<ProxySessionOptions> options = CheckFlags(flags);
  if (!options.ok()) return ReportUsageError(kCommand, Message(options.status()));
  absl::Status status = Resolve(flags, &*options);
  if (status.ok()) {
    ProxySession session(*std::move(options));
    status = session.Start();
    if (status.ok()) return session.ServeUntilTold();
  }
  supervisor::PrintFailure(Message(status));
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

#include "cli/run_command.h"

#include <fmt/core.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string_view>
#include <utility>

#include "base/log.h"
#include "base/status.h"
#include "cli/config_path.h"
#include "cli/flags.h"
#include "cli/policy_choice.h"
#include "cli/provider_choice.h"
#include "cli/server_flags.h"
#include "cli/usage_error.h"
#include "supervisor/diagnostics.h"
#include "supervisor/environment.h"
#include "supervisor/run.h"

namespace sallyport::cli {
namespace {

constexpr const char* kCommand = "sallyport run";

struct RunFlags {
  ServerFlags server;
  std::optional<std::vector<std::string>> command;
  std::string isolation = "auto";
  std::string workdir;
  std::vector<std::string> env;
  std::vector<std::string> provider;
};

// $XDG_STATE_HOME/sallyport/audit.jsonl; its folder is made.
absl::StatusOr<std::string> DefaultAuditLog() {
  const char* state = std::getenv("XDG_STATE_HOME");
  const char* home = std::getenv("HOME");
  std::filesystem::path folder;
  // The XDG specification: a relative path there counts as none.
  if (state != nullptr && *state == '/') {
    folder = state;
  } else if (home != nullptr && *home == '/') {
    folder = std::filesystem::path(home) / ".local" / "state";
  } else {
    return absl::FailedPreconditionError(
        "there is no place for the audit log: neither XDG_STATE_HOME nor HOME is set; name one "
        "with "
        "--audit-log");
  }
  folder /= "sallyport";
  std::error_code error;
  std::filesystem::create_directories(folder.parent_path(), error);
  if (!error && mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    error.assign(errno, std::generic_category());
  }
  if (error) {
    return ErrnoStatus(error.value(), fmt::format("cannot make the audit log's folder {} (name "
                                                  "another place with --audit-log)",
                                                  folder.string()));
  }
  return (folder / "audit.jsonl").string();
}

absl::StatusOr<supervisor::RunOptions> CheckFlags(const RunFlags& flags) {
  if (!flags.command.has_value() || flags.command->empty()) {
    return absl::InvalidArgumentError(
        "no command to run; it goes after --, as in: sallyport run -- curl https://example.com");
  }
  if (flags.command->front().empty()) {
    return absl::InvalidArgumentError("the command to run is an empty string");
  }
  supervisor::RunOptions options;
  ASSIGN_OR_RETURN(options.server, flags.server.Check());
  for (const std::string& variable : flags.env) {
    RETURN_IF_ERROR(supervisor::CheckEnvOption(variable));
  }
  for (const std::string& provider : flags.provider) {
    RETURN_IF_ERROR(CheckProviderOption(provider));
  }
  const std::optional<supervisor::Isolation> isolation =
      supervisor::ParseIsolation(flags.isolation);
  if (!isolation.has_value()) {
    return absl::InvalidArgumentError(fmt::format(
        "--isolation '{}' is unknown; it is one of auto, netns, landlock, none", flags.isolation));
  }
  options.isolation = *isolation;
  options.command = *flags.command;
  options.workdir = flags.workdir;
  options.env = flags.env;
  options.ready_file = flags.server.ready_file;
  return options;
}

// What the options mean on this machine: files are looked for.
absl::Status Resolve(const RunFlags& flags, supervisor::RunOptions* options) {
  ASSIGN_OR_RETURN(options->server.config_file, FindConfigFile(flags.server.config));
  ASSIGN_OR_RETURN(options->server.providers,
                   ChooseProviders(flags.server.provider_types, flags.provider));
  ASSIGN_OR_RETURN(PolicyChoice choice,
                   ChoosePolicyForRun(flags.server.policy, options->server.config_file,
                                      !flags.provider.empty(), options->server.files));
  if (options->server.config_file.empty() && choice.source == nullptr) {
    options->server.config_text = kProvidersAlone;
  }
  if (flags.server.policy.empty() && choice.policy == rules::RestrictivePolicy()) {
    log::Warn("policy",
              "neither a policy nor a proxy-config.json was found, so the command has no network; "
              "give --provider, --config or --policy");
  }
  options->server.policy_source = std::move(choice.source);
  options->server.policy = std::move(choice.policy);
  if (flags.server.audit_log.empty()) {
    ASSIGN_OR_RETURN(options->server.audit_log, DefaultAuditLog());
  }
  return absl::OkStatus();
}

int RunRunCommand(const RunFlags& flags) {
  absl::StatusOr<supervisor::RunOptions> options = CheckFlags(flags);
  if (!options.ok()) return ReportUsageError(kCommand, Message(options.status()));
  if (const absl::Status status = Resolve(flags, &*options); !status.ok()) {
    supervisor::PrintFailure(Message(status));
    return supervisor::kExitFailed;
  }
  if (options->isolation == supervisor::Isolation::kNone) {
    log::Warn("run", fmt::format("isolation is off: {}", supervisor::kUnconfined));
  }
  return supervisor::Run(*std::move(options));
}

}  // namespace

void AddRunCommand(CLI::App& app, std::optional<std::vector<std::string>> arguments,
                   std::function<int()>* action) {
  CLI::App* command =
      app.add_subcommand("run",
                         "Start COMMAND with the proxy between it and the network: sallyport "
                         "run [OPTIONS] -- COMMAND [ARG...]");
  auto flags = std::make_shared<RunFlags>();
  flags->command = std::move(arguments);
  flags->server.AddTo(*command);
  AddValue(*command, "isolation", "MODE",
           "How the command is closed off: auto (default, the strongest that works), netns, "
           "landlock, or none, which closes nothing",
           &flags->isolation);
  AddValue(*command, "workdir", "DIR", "The command's working directory; default the current one",
           &flags->workdir);
  AddList(*command, "provider", "TYPE",
          "Attach a provider: its hosts, rules, placeholders and files, its values from the "
          "environment",
          &flags->provider);
  AddList(*command, "env", "NAME[=VALUE]",
          "Pass a variable to the command, which else gets only a safe list", &flags->env);
  command->footer(
      "The exit status is the command's; 128+N if signal N ended it; 125 if sallyport failed, 126 "
      "if "
      "COMMAND could not be executed, 127 if it was not found.");
  command->callback([flags, action] { *action = [flags] { return RunRunCommand(*flags); }; });
}

}  // namespace sallyport::cli

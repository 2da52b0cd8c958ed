#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/secret.h"
#include "ca/record_buffers.h"
#include "cli/check_command.h"
#include "cli/doctor_command.h"
#include "cli/explain_command.h"
#include "cli/init_command.h"
#include "cli/proxy_command.h"
#include "cli/run_command.h"
#include "cli/schema_command.h"
#include "cli/usage_error.h"
#include "supervisor/process_setup.h"

namespace sallyport::cli {
namespace {

constexpr const char* kVersion = "sallyport " SALLYPORT_VERSION;

// The command line, and apart from it what stood after the first "--" of `run`.
struct CommandLine {
  std::vector<std::string> own;
  std::optional<std::vector<std::string>> command;
};

CommandLine Split(int argc, char** argv) {
  CommandLine line;
  line.own.assign(argv + std::min(argc, 1), argv + argc);
  const auto name = std::find_if(line.own.begin(), line.own.end(),
                                 [](const std::string& word) { return !word.starts_with('-'); });
  if (name == line.own.end() || *name != "run") return line;
  const auto separator = std::find(line.own.begin(), line.own.end(), "--");
  if (separator == line.own.end()) return line;
  line.command.emplace(separator + 1, line.own.end());
  line.own.erase(separator, line.own.end());
  return line;
}

int Main(int argc, char** argv) {
  CommandLine line = Split(argc, argv);
  std::function<int()> action;
  CLI::App app("sallyport lets programs use secrets that they never see", "sallyport");
  app.require_subcommand(1);
  AddRunCommand(app, std::move(line.command), &action);
  AddProxyCommand(app, &action);
  AddCheckCommand(app, &action);
  AddExplainCommand(app, &action);
  AddSchemaCommand(app, &action);
  AddInitCommand(app, &action);
  AddDoctorCommand(app, &action);
  app.set_version_flag("--version", kVersion, "Print the version");
  app.set_help_flag("-h,--help", "Print this help");
  for (CLI::App* command : app.get_subcommands({})) {
    command->set_version_flag("--version", kVersion, "Print the version");
    command->set_help_flag("-h,--help", "Print this help");
  }
  try {
    std::reverse(line.own.begin(), line.own.end());  // as CLI11 wants a vector
    app.parse(std::move(line.own));
  } catch (const CLI::ParseError& error) {
    // --help and --version arrive here too.
    if (error.get_exit_code() == 0) return app.exit(error);
    const std::vector<CLI::App*> given = app.get_subcommands();
    return ReportUsageError(
        given.empty() ? "sallyport" : fmt::format("sallyport {}", given.front()->get_name()),
        DescribeParseError(app, error));
  }
  return action();
}

}  // namespace
}  // namespace sallyport::cli

int main(int argc, char** argv) {
  // Before the first secret, a variable's value above all, is looked at.
  sallyport::HardenProcess();
  // Where it cannot be, only time is lost.
  (void)sallyport::ca::PoolRecordBuffers();
  sallyport::supervisor::EnsureStandardDescriptors();
  return sallyport::cli::Main(argc, argv);
}

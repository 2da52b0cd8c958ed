#include "cli/check_command.h"

#include <fmt/core.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/status.h"
#include "cli/config_path.h"
#include "rules/proxy_config.h"

namespace sallyport::cli {
namespace {

// Prints what is wrong with one file; whether nothing is.
bool CheckFile(const std::string& file) {
  if (file.ends_with(".yaml") || file.ends_with(".yml")) {
    fmt::print("{}: policy files are not supported by this version of sallyport\n", file);
    return false;
  }
  const absl::StatusOr<std::string> text = ReadFile(file, kMaxConfigBytes);
  if (!text.ok()) {
    fmt::print("{}\n", Message(text.status()));
    return false;
  }
  rules::ParsedProxyConfig parsed = rules::ParseProxyConfig(*text);
  for (const rules::Problem& problem : parsed.errors) {
    fmt::print("{}\n", rules::FormatProblem(file, problem));
  }
  for (rules::Problem& problem : parsed.warnings) {
    problem.message.insert(0, "warning: ");
    fmt::print("{}\n", rules::FormatProblem(file, problem));
  }
  if (!parsed.errors.empty()) return false;
  const size_t rules = parsed.rules->rules().size();
  fmt::print("{}: good, with {} credential {}\n", file, rules, rules == 1 ? "rule" : "rules");
  return true;
}

int Check(std::vector<std::string> files) {
  if (files.empty()) {
    const absl::StatusOr<std::string> found = FindConfigFile("");
    if (!found.ok()) {
      fmt::print(stderr, "sallyport check: {}\n", Message(found.status()));
      return 1;
    }
    if (found->empty()) {
      fmt::print(stderr, "sallyport check: there is no configuration file; looked for:\n");
      for (const std::string& file : DefaultConfigFiles()) fmt::print(stderr, "  {}\n", file);
      return 1;
    }
    files.push_back(*found);
  }
  bool good = true;
  for (const std::string& file : files) good &= CheckFile(file);
  return good ? 0 : 1;
}

}  // namespace

void AddCheckCommand(CLI::App& app, std::function<int()>* action) {
  CLI::App* command =
      app.add_subcommand("check", "Validate configuration files, listing every problem at once");
  auto files = std::make_shared<std::vector<std::string>>();
  command->add_option("FILE", *files,
                      "Files to check; without any, the proxy-config.json that would be used");
  command->callback([files, action] { *action = [files] { return Check(*files); }; });
}

}  // namespace sallyport::cli

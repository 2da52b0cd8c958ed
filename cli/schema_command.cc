#include "cli/schema_command.h"

#include <fmt/core.h>

#include <cstdio>
#include <memory>
#include <string>

#include "rules/policy.h"
#include "rules/proxy_config.h"

namespace sallyport::cli {

void AddSchemaCommand(CLI::App& app, std::function<int()>* action) {
  CLI::App* command = app.add_subcommand("schema", "Print the JSON Schema of a configuration file");
  auto which = std::make_shared<std::string>();
  command->add_option("WHICH", *which, "The file: proxy-config or policy")
      ->required()
      ->check(CLI::IsMember({"proxy-config", "policy"}));
  command->callback([which, action] {
    *action = [which] {
      fmt::print("{}", *which == "policy" ? rules::PolicySchema() : rules::ProxyConfigSchema());
      return 0;
    };
  });
}

}  // namespace sallyport::cli

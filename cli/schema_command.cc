#include "cli/schema_command.h"

#include <fmt/core.h>

#include <cstdio>
#include <memory>
#include <string>

#include "rules/policy.h"
#include "rules/provider_type.h"
#include "rules/proxy_config.h"

namespace sallyport::cli {

void AddSchemaCommand(CLI::App& app, std::function<int()>* action) {
  CLI::App* command = app.add_subcommand("schema", "Print the JSON Schema of a configuration file");
  auto which = std::make_shared<std::string>();
  command->add_option("WHICH", *which, "The file: proxy-config, policy or provider-type")
      ->required()
      ->check(CLI::IsMember({"proxy-config", "policy", "provider-type"}));
  command->callback([which, action] {
    *action = [which] {
      if (*which == "policy") {
        fmt::print("{}", rules::PolicySchema());
      } else if (*which == "provider-type") {
        fmt::print("{}", rules::ProviderTypeSchema());
      } else {
        fmt::print("{}", rules::ProxyConfigSchema());
      }
      return 0;
    };
  });
}

}  // namespace sallyport::cli

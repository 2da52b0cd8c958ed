#include "cli/explain_command.h"

#include <fmt/core.h>

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/status.h"
#include "cli/config_path.h"
#include "cli/explanation.h"
#include "cli/policy_choice.h"
#include "cli/provider_choice.h"
#include "rules/proxy_config.h"

namespace sallyport::cli {
namespace {

struct ExplainOptions {
  std::string config;
  std::string policy;
  std::string provider_types;
  std::vector<std::string> provider;
  std::string method = "GET";
  bool json = false;
  std::string url;
};

bool IsSet(const std::string& variable) {
  const char* value = std::getenv(variable.c_str());
  return value != nullptr && *value != '\0';
}

// Looks whether a value is there, and never at it.
Availability ProbeSource(const rules::CredentialSource& source) {
  switch (source.kind) {
    case rules::CredentialSource::Kind::kEnvVar:
      return IsSet(source.env_var) ? Availability::kAvailable : Availability::kMissing;
    case rules::CredentialSource::Kind::kFile:
      return access(source.file.c_str(), R_OK) == 0 ? Availability::kAvailable
                                                    : Availability::kMissing;
    case rules::CredentialSource::Kind::kCommand:
      return Availability::kUnknown;
    case rules::CredentialSource::Kind::kProvider:
      return std::ranges::any_of(source.variables, IsSet) ? Availability::kAvailable
                                                          : Availability::kMissing;
  }
  return Availability::kUnknown;
}

// The rules in force; null, with the reason printed, when the file is missing or wrong.
std::shared_ptr<const rules::RuleSet> LoadRules(const ExplainOptions& options, bool has_policy) {
  const auto fail = [](const absl::Status& status) {
    fmt::print(stderr, "sallyport explain: {}\n", Message(status));
    return nullptr;
  };
  const absl::StatusOr<rules::Providers> providers =
      ChooseProviders(options.provider_types, options.provider);
  if (!providers.ok()) return fail(providers.status());
  const absl::StatusOr<std::string> file = FindConfigFile(options.config);
  if (!file.ok()) return fail(file.status());
  absl::StatusOr<std::string> text =
      options.provider.empty() || has_policy ? "{}" : kProvidersAlone;
  if (!file->empty()) text = ReadFile(*file, kMaxConfigBytes);
  if (!text.ok()) return fail(text.status());
  rules::ParsedProxyConfig parsed = rules::ParseProxyConfig(*text, *providers);
  for (const rules::Problem& problem : parsed.errors) {
    fmt::print(stderr, "{}\n", rules::FormatProblem(*file, problem));
  }
  return std::move(parsed.rules);
}

int RunExplain(const ExplainOptions& options) {
  const absl::StatusOr<ExplainedRequest> request = ParseRequestUrl(options.url, options.method);
  if (!request.ok()) {
    fmt::print(stderr,
               "sallyport explain: \"{}\" cannot be explained: {}; write a URL such as "
               "https://api.example.com/v1/models\n",
               options.url, Message(request.status()));
    return 2;
  }
  const absl::StatusOr<PolicyChoice> choice =
      ChoosePolicyForProxy(options.policy, std::make_shared<FollowedFiles>());
  if (!choice.ok()) {
    fmt::print(stderr, "{}\n", Message(choice.status()));
    return 1;
  }
  const auto rules = LoadRules(options, choice->source != nullptr);
  if (rules == nullptr) return 1;
  const Explanation explanation = Explain(*rules, choice->policy.get(), *request, ProbeSource);
  fmt::print("{}", options.json ? FormatAsJson(*request, explanation)
                                : FormatForPeople(*request, explanation));
  return 0;
}

}  // namespace

void AddExplainCommand(CLI::App& app, std::function<int()>* action) {
  CLI::App* command = app.add_subcommand("explain", "Say what would happen to a request");
  auto options = std::make_shared<ExplainOptions>();
  command->add_option("--config", options->config, "proxy-config.json to judge by")
      ->envname("SALLYPORT_CONFIG")
      ->type_name("FILE");
  command->add_option("--policy", options->policy, "policy.yaml to judge by")
      ->envname("SALLYPORT_POLICY")
      ->type_name("FILE");
  command->add_option("--provider", options->provider, "A provider attached beside it; repeatable")
      ->envname("SALLYPORT_PROVIDER")
      ->type_name("TYPE");
  AddProviderTypes(*command, &options->provider_types);
  command->add_option("--method", options->method, "The request's method (default GET)")
      ->envname("SALLYPORT_METHOD")
      ->type_name("METHOD");
  command->add_flag("--json", options->json, "Print one JSON object")->envname("SALLYPORT_JSON");
  command->add_option("URL", options->url, "http:// or https:// URL of the request")->required();
  command->callback([options, action] { *action = [options] { return RunExplain(*options); }; });
}

}  // namespace sallyport::cli

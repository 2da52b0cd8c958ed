#include "cli/explain_command.h"

#include <fmt/core.h>

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "base/file.h"
#include "base/status.h"
#include "cli/config_path.h"
#include "cli/explanation.h"
#include "cli/policy_choice.h"
#include "rules/proxy_config.h"

namespace sallyport::cli {
namespace {

struct ExplainOptions {
  std::string config;
  std::string policy;
  std::string method = "GET";
  bool json = false;
  std::string url;
};

// Looks whether a value is there, and never at it.
Availability ProbeSource(const rules::CredentialSource& source) {
  switch (source.kind) {
    case rules::CredentialSource::Kind::kEnvVar: {
      const char* value = std::getenv(source.env_var.c_str());
      const bool set = value != nullptr && *value != '\0';
      return set ? Availability::kAvailable : Availability::kMissing;
    }
    case rules::CredentialSource::Kind::kFile:
      return access(source.file.c_str(), R_OK) == 0 ? Availability::kAvailable
                                                    : Availability::kMissing;
    case rules::CredentialSource::Kind::kCommand:
    case rules::CredentialSource::Kind::kProvider:
      return Availability::kUnknown;
  }
  return Availability::kUnknown;
}

// The rules in force; null, with the reason printed, when the file is missing or wrong.
std::shared_ptr<const rules::RuleSet> LoadRules(const std::string& flag) {
  const absl::StatusOr<std::string> file = FindConfigFile(flag);
  if (!file.ok()) {
    fmt::print(stderr, "sallyport explain: {}\n", Message(file.status()));
    return nullptr;
  }
  if (file->empty()) return std::make_shared<const rules::RuleSet>();
  const absl::StatusOr<std::string> text = ReadFile(*file, kMaxConfigBytes);
  if (!text.ok()) {
    fmt::print(stderr, "sallyport explain: {}\n", Message(text.status()));
    return nullptr;
  }
  rules::ParsedProxyConfig parsed = rules::ParseProxyConfig(*text);
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
  const std::shared_ptr<const rules::RuleSet> rules = LoadRules(options.config);
  if (rules == nullptr) return 1;
  const absl::StatusOr<PolicyChoice> choice = ChoosePolicyForProxy(options.policy);
  if (!choice.ok()) {
    fmt::print(stderr, "{}\n", Message(choice.status()));
    return 1;
  }
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
  command->add_option("--method", options->method, "The request's method (default GET)")
      ->envname("SALLYPORT_METHOD")
      ->type_name("METHOD");
  command->add_flag("--json", options->json, "Print one JSON object")->envname("SALLYPORT_JSON");
  command->add_option("URL", options->url, "http:// or https:// URL of the request")->required();
  command->callback([options, action] { *action = [options] { return RunExplain(*options); }; });
}

}  // namespace sallyport::cli

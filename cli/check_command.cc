#include "cli/check_command.h"

#include <fmt/core.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/status.h"
#include "base/trusted_file.h"
#include "cli/config_path.h"
#include "cli/policy_choice.h"
#include "cli/provider_choice.h"
#include "rules/policy.h"
#include "rules/provider_types.h"
#include "rules/proxy_config.h"

namespace sallyport::cli {
namespace {

void PrintProblems(const std::string& file, const std::vector<rules::Problem>& errors,
                   std::vector<rules::Problem> warnings) {
  for (const rules::Problem& problem : errors) {
    fmt::print("{}\n", rules::FormatProblem(file, problem));
  }
  for (rules::Problem& problem : warnings) {
    problem.message.insert(0, "warning: ");
    fmt::print("{}\n", rules::FormatProblem(file, problem));
  }
}

// A policy by its name, or by what it holds: proxy-config.json is an object in braces, perhaps
// after a comment, and a policy in braces has a version.
bool IsPolicy(const std::string& file, std::string_view text) {
  if (file.ends_with(".yaml") || file.ends_with(".yml")) return true;
  if (file.ends_with(".json")) return false;
  const size_t start = text.find_first_not_of(" \t\r\n");
  if (start == text.npos || text[start] == '/') return false;
  return text[start] != '{' || text.find("\"version\"") != text.npos;
}

bool CheckPolicy(const std::string& file, std::string_view text) {
  const rules::ParsedPolicy parsed = rules::ParsePolicy(text);
  PrintProblems(file, parsed.errors, parsed.warnings);
  if (parsed.policy == nullptr) return false;
  const size_t entries = parsed.policy->network.entries().size();
  const size_t endpoints = parsed.policy->network.endpoints().size();
  fmt::print("{}: good, with {} network {} and {} {}\n", file, entries,
             entries == 1 ? "policy" : "policies", endpoints,
             endpoints == 1 ? "endpoint" : "endpoints");
  return true;
}

bool CheckProviderType(const std::string& file, std::string_view text) {
  const rules::ParsedProviderType parsed = rules::ParseProviderType(text);
  PrintProblems(file, parsed.errors, {});
  if (parsed.type == nullptr) return false;
  fmt::print("{}: good, the provider type {}\n", file, parsed.type->name);
  return true;
}

bool CheckConfig(const std::string& file, std::string_view text,
                 const rules::Providers& providers) {
  const rules::ParsedProxyConfig parsed = rules::ParseProxyConfig(text, providers);
  PrintProblems(file, parsed.errors, parsed.warnings);
  if (parsed.rules == nullptr) return false;
  const size_t rules = parsed.rules->rules().size();
  fmt::print("{}: good, with {} credential {}\n", file, rules, rules == 1 ? "rule" : "rules");
  return true;
}

// Prints what is wrong with one file; whether nothing is.
bool CheckFile(const std::string& file, const rules::Providers& providers) {
  const absl::StatusOr<std::string> text = ReadFile(file, kMaxConfigBytes);
  if (!text.ok()) {
    fmt::print("{}\n", Message(text.status()));
    return false;
  }
  if (!IsPolicy(file, *text)) return CheckConfig(file, *text, providers);
  const bool good = rules::LooksLikeProviderType(*text) ? CheckProviderType(file, *text)
                                                        : CheckPolicy(file, *text);
  const absl::Status safe = ReadTrustedFile(file, kMaxConfigBytes).status();
  if (!safe.ok()) fmt::print("warning: as it lies it would not be used: {}\n", Message(safe));
  return good;
}

// The files that would be used now; none, with the reason printed, when there are none.
std::vector<std::string> FilesInUse() {
  std::vector<std::string> files;
  const absl::StatusOr<std::string> config = FindConfigFile("");
  const absl::StatusOr<std::string> policy = FindPolicyFile("", DefaultPolicyFiles());
  for (const absl::StatusOr<std::string>& found : {config, policy}) {
    if (!found.ok()) {
      fmt::print(stderr, "sallyport check: {}\n", Message(found.status()));
      return {};
    }
    if (!found->empty()) files.push_back(*found);
  }
  if (files.empty()) {
    fmt::print(stderr, "sallyport check: there is no configuration file; looked for:\n");
    for (const std::string& file : DefaultConfigFiles()) fmt::print(stderr, "  {}\n", file);
    for (const std::string& file : DefaultPolicyFiles()) fmt::print(stderr, "  {}\n", file);
  }
  return files;
}

struct CheckFlags {
  std::vector<std::string> files;
  std::string provider_types;
};

int Check(const CheckFlags& flags) {
  const std::vector<std::string> files = flags.files.empty() ? FilesInUse() : flags.files;
  if (files.empty()) return 1;
  auto types = FindProviderTypes(flags.provider_types);
  bool good = types.ok();
  if (!good) {
    fmt::print("{}\n", Message(types.status()));
    types = rules::ProviderTypes::BuiltIn();
  }
  const rules::Providers providers = {.types = *types, .attached = {}};
  for (const std::string& file : files) good &= CheckFile(file, providers);
  return good ? 0 : 1;
}

}  // namespace

void AddCheckCommand(CLI::App& app, std::function<int()>* action) {
  CLI::App* command =
      app.add_subcommand("check", "Validate configuration files, listing every problem at once");
  auto flags = std::make_shared<CheckFlags>();
  command->add_option(
      "FILE", flags->files,
      "Files to check: proxy-config.json, policy.yaml, provider types; without any, "
      "those that would be used");
  AddProviderTypes(*command, &flags->provider_types);
  command->callback([flags, action] { *action = [flags] { return Check(*flags); }; });
}

}  // namespace sallyport::cli

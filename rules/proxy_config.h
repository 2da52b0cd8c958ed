#ifndef SALLYPORT_RULES_PROXY_CONFIG_H_
#define SALLYPORT_RULES_PROXY_CONFIG_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "rules/rule_set.h"

namespace sallyport::rules {

// One thing wrong, or doubtful, in a configuration file.
struct Problem {
  // "credentials[1].format"; empty when the file does not parse at all.
  std::string path;
  // What is wrong and what would be right. Never holds a credential.
  std::string message;
  // 1-based; 0 where the place is given by `path` alone.
  int line = 0;
  int column = 0;
};

// "proxy-config.json: credentials[1].format: …" or "proxy-config.json:3:17: …".
std::string FormatProblem(std::string_view file, const Problem& problem);

struct ParsedProxyConfig {
  // Null when there are errors.
  std::shared_ptr<const RuleSet> rules;
  // Every error of the file, in file order.
  std::vector<Problem> errors;
  std::vector<Problem> warnings;
};

struct Providers;

// Parses and checks the text of a proxy-config.json ('//' and '/* */' comments allowed). The first
// knows no provider types (see Providers::types).
ParsedProxyConfig ParseProxyConfig(std::string_view text);
ParsedProxyConfig ParseProxyConfig(std::string_view text, const Providers& providers);

// The JSON Schema (draft 2020-12) of the file, made from the same table as the parser.
std::string ProxyConfigSchema();

}  // namespace sallyport::rules

#endif  // SALLYPORT_RULES_PROXY_CONFIG_H_

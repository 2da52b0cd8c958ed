#include "rules/proxy_config.h"

#include <fmt/core.h>

#include "rules/config_reader.h"
#include "rules/json_document.h"
#include "rules/provider_types.h"

namespace sallyport::rules {

std::string FormatProblem(std::string_view file, const Problem& problem) {
  std::string place(file);
  if (problem.line > 0) place += fmt::format(":{}:{}", problem.line, problem.column);
  if (!problem.path.empty()) place += ": " + problem.path;
  return place + ": " + problem.message;
}

ParsedProxyConfig ParseProxyConfig(std::string_view text) { return ParseProxyConfig(text, {}); }

ParsedProxyConfig ParseProxyConfig(std::string_view text, const Providers& providers) {
  JsonValue root;
  Problem problem;
  if (!ParseJson(text, &root, &problem)) {
    ParsedProxyConfig result;
    result.errors.push_back(std::move(problem));
    return result;
  }
  return ConfigReader(root, providers).Read();
}

}  // namespace sallyport::rules

#include "cli/starter_config.h"

#include <fmt/format.h>

#include <set>
#include <string_view>
#include <utility>

#include "base/json.h"

namespace sallyport::cli {
namespace {

std::string Quoted(std::string_view text) {
  std::string quoted;
  AppendJsonString(&quoted, text);
  return quoted;
}

std::string QuotedList(const std::vector<std::string>& texts) {
  std::string list;
  for (const std::string& text : texts) {
    list += fmt::format("{}{}", list.empty() ? "" : ", ", Quoted(text));
  }
  return fmt::format("[{}]", list);
}

std::vector<std::string> Texts(const std::vector<rules::Pattern>& patterns) {
  std::vector<std::string> texts;
  texts.reserve(patterns.size());
  for (const rules::Pattern& pattern : patterns) texts.push_back(pattern.ToString());
  return texts;
}

std::vector<std::string> HostsOf(const rules::ProviderType& type) {
  std::vector<std::string> hosts;
  const auto add = [&hosts](const std::vector<rules::Pattern>& patterns) {
    for (std::string& text : Texts(patterns)) hosts.push_back(std::move(text));
  };
  for (const rules::ProviderRule& rule : type.rules) add(rule.domains);
  add(type.hosts);
  return hosts;
}

std::string RuleText(const rules::ProviderRule& provided) {
  const rules::CredentialRule& rule = provided.rule;
  std::string text =
      fmt::format("    {{\n      \"domain\": {},\n      \"provider\": {}, \"property\": {},\n",
                  QuotedList(Texts(provided.domains)), Quoted(rule.source.provider),
                  Quoted(rule.source.property));
  if (!rule.methods.empty())
    text += fmt::format("      \"methods\": {},\n", QuotedList(rule.methods));
  if (!rule.paths.empty()) text += fmt::format("      \"paths\": {},\n", QuotedList(rule.paths));
  for (const auto& [key, given] : {std::pair{"required", rule.required},
                                   {"continue", rule.continues},
                                   {"plaintext", rule.plaintext},
                                   {"body", rule.body}}) {
    if (given) text += fmt::format("      \"{}\": true,\n", key);
  }
  if (rule.scrub != rules::ScrubMode::kOn) {
    text += fmt::format("      \"scrub\": {},\n",
                        rule.scrub == rules::ScrubMode::kOff ? "false" : "\"strict\"");
  }
  const bool header = rule.target_kind == rules::TargetKind::kHeader;
  text += fmt::format("      \"{}\": {}, \"format\": {}\n    }}", header ? "header" : "query",
                      Quoted(rule.target), Quoted(rule.format.text()));
  return text;
}

}  // namespace

std::string StarterConfig(const std::vector<std::shared_ptr<const rules::ProviderType>>& types) {
  std::string hosts;
  std::string rules;
  std::set<std::string> listed;
  for (const auto& type : types) {
    std::string line;
    for (const std::string& host : HostsOf(*type)) {
      if (!listed.insert(host).second) continue;
      line += fmt::format("{}\n      {}", line.empty() ? "" : ",", Quoted(host));
    }
    if (!line.empty()) {
      hosts += fmt::format("{}\n      // {}{}", hosts.empty() ? "" : ",", type->description, line);
    }
    for (const rules::ProviderRule& rule : type->rules) {
      rules += fmt::format("{}\n{}", rules.empty() ? "" : ",", RuleText(rule));
    }
  }
  return fmt::format(
      "// Which hosts programs may reach, and which credentials go into their requests.\n"
      "// 'sallyport check' tells mistakes, 'sallyport explain URL' what becomes of a request.\n"
      "{{\n"
      "  \"policy\": {{ \"default\": \"deny\" }},\n"
      "  \"network\": {{\n"
      "    \"allowedDomains\": [{}\n    ]\n"
      "  }},\n"
      "  // A provider's properties come from the environment that sallyport is started with.\n"
      "  \"credentials\": [{}\n  ]\n"
      "}}\n",
      hosts, rules);
}

}  // namespace sallyport::cli

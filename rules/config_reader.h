#ifndef SALLYPORT_RULES_CONFIG_READER_H_
#define SALLYPORT_RULES_CONFIG_READER_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "rules/json_document.h"
#include "rules/pattern.h"
#include "rules/problem_list.h"
#include "rules/proxy_config.h"
#include "rules/rule_set_tables.h"

namespace sallyport::rules {

// Turns the JSON of a proxy-config.json into a RuleSet, collecting everything that is wrong with it
// on the way. Lives for one file.
class ConfigReader {
 public:
  explicit ConfigReader(const JsonValue& root) : root_(root) {}

  ParsedProxyConfig Read();

 private:
  // A pattern of some list, with its place.
  struct PlacedPattern {
    Pattern pattern;
    const JsonValue* value;
    std::string path;
  };
  // A credential rule's domains, kept until the other lists are known.
  struct RuleDomains {
    std::vector<PlacedPattern> patterns;
    const JsonValue* value = nullptr;
    std::string path;
    // All of them parsed.
    bool complete = true;
  };

  void ReadPolicy(const JsonValue& policy);
  void ReadNetwork(const JsonValue& network);
  void ReadDomainList(const JsonValue& network, std::string_view key, bool blocked);
  void ReadBypass(const JsonValue& network);
  void ReadRanges(const JsonValue& network, std::string_view key, LabelledRanges* ranges);
  std::vector<PlacedPattern> ReadPatterns(const JsonValue& list, const std::string& path);

  void ReadCredentials(const JsonValue& credentials);
  void ReadRule(const JsonValue& object, const std::string& path);
  RuleDomains ReadRuleDomains(const JsonValue& object, const std::string& path);
  void ReadSource(const JsonValue& object, const std::string& path, CredentialSource* source);
  void ReadCommand(const JsonValue& command, const std::string& path, CredentialSource* source);
  void ReadTarget(const JsonValue& object, const std::string& path, CredentialRule* rule);
  void ReadFilters(const JsonValue& object, const std::string& path, CredentialRule* rule);
  void ReadFormat(const JsonValue& object, const std::string& path, CredentialRule* rule);

  // Questions that need the whole file.
  void CheckRuleIsNotBypassed(const RuleDomains& domains);
  void CheckRuleIsReachable(const RuleDomains& domains);
  void CheckSharedVariables();

  const JsonValue& root_;
  std::shared_ptr<RuleSet> rules_ = std::make_shared<RuleSet>();
  ProblemList errors_;
  ProblemList warnings_;
  std::vector<Pattern> bypass_;
  // Parallel to the rules.
  std::vector<RuleDomains> rule_domains_;
  std::vector<std::pair<const JsonValue*, std::string>> rule_places_;
};

}  // namespace sallyport::rules

#endif  // SALLYPORT_RULES_CONFIG_READER_H_

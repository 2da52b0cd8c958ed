#ifndef SALLYPORT_RULES_CONFIG_READER_H_
#define SALLYPORT_RULES_CONFIG_READER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rules/json_document.h"
#include "rules/pattern.h"
#include "rules/problem_list.h"
#include "rules/provider_types.h"
#include "rules/proxy_config.h"
#include "rules/rule_reader.h"
#include "rules/rule_set_tables.h"

namespace sallyport::rules {

// Turns the JSON of a proxy-config.json into a RuleSet, collecting everything that is wrong with it
// on the way. Lives for one file.
class ConfigReader {
 public:
  ConfigReader(const JsonValue& root, const Providers& providers)
      : root_(root), providers_(providers) {}

  ParsedProxyConfig Read();

 private:
  void ReadPolicy(const JsonValue& policy);
  void ReadNetwork(const JsonValue& network);
  void ReadDomainList(const JsonValue& network, std::string_view key, bool blocked);
  void ReadBypass(const JsonValue& network);
  void ReadRanges(const JsonValue& network, std::string_view key, LabelledRanges* ranges);

  void ReadCredentials(const JsonValue& credentials);
  void ReadFileRule(const JsonValue& object, const std::string& path);
  // The type of a rule's provider, which has the property that the rule names; null, with what is
  // wrong noted, if it does not, and where types are not known here.
  std::shared_ptr<const ProviderType> FindType(const JsonValue& object, const std::string& path,
                                               const CredentialSource& source);
  // Where a type takes any property, whether what the rule's format names can be one.
  void CheckPropertyNames(const JsonValue& object, const std::string& path,
                          const ProviderType& type, CredentialRule* rule);
  // `type` is the source's; null where there is none.
  void AddRule(CredentialRule rule, const std::shared_ptr<const ProviderType>& type,
               std::span<const PlacedPattern> domains);
  // Its index in RuleSet::properties().
  uint32_t UseProperty(const std::shared_ptr<const ProviderType>& type, const std::string& name);
  void AllowHosts(const ProviderType& type);
  void Attach(const std::shared_ptr<const ProviderType>& type);
  void ReadSource(const JsonValue& object, const std::string& path, CredentialSource* source);
  void ReadCommand(const JsonValue& command, const std::string& path, CredentialSource* source);

  // Questions that need the whole file.
  void CheckRuleIsNotBypassed(const RuleDomains& domains);
  void CheckRuleIsReachable(const RuleDomains& domains);
  void CheckSharedVariables();

  const JsonValue& root_;
  const Providers& providers_;
  std::shared_ptr<RuleSet> rules_ = std::make_shared<RuleSet>();
  ProblemList errors_;
  ProblemList warnings_;
  std::vector<Pattern> bypass_;
  // Parallel to the rules of the file.
  std::vector<RuleDomains> rule_domains_;
  std::vector<std::pair<const JsonValue*, std::string>> rule_places_;
};

}  // namespace sallyport::rules

#endif  // SALLYPORT_RULES_CONFIG_READER_H_

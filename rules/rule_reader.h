#ifndef SALLYPORT_RULES_RULE_READER_H_
#define SALLYPORT_RULES_RULE_READER_H_

#include <string>
#include <vector>

#include "rules/credential_rule.h"
#include "rules/json_document.h"
#include "rules/pattern.h"
#include "rules/problem_list.h"
#include "rules/template.h"

namespace sallyport::rules {

// A pattern of some list, with its place.
struct PlacedPattern {
  Pattern pattern;
  const JsonValue* value = nullptr;
  std::string path;
};

// The domains of a credential rule, with their place.
struct RuleDomains {
  std::vector<PlacedPattern> patterns;
  const JsonValue* value = nullptr;
  std::string path;
  // All of them parsed.
  bool complete = true;
};

struct ReadRule {
  CredentialRule rule;
  RuleDomains domains;
};

// The patterns of a list; what is wrong with one is noted, and it is left out.
std::vector<PlacedPattern> ReadPatterns(const JsonValue& list, const std::string& path,
                                        ProblemList* errors);

// One rule, as proxy-config.json and provider types write it, but for its source. `names` and
// `unknown` are for its format (Template::Parse). CheckObject has looked at the keys.
ReadRule ReadCredentialRule(const JsonValue& object, const std::string& path,
                            const std::vector<std::string>& names, Template::UnknownNames unknown,
                            ProblemList* errors);

}  // namespace sallyport::rules

#endif  // SALLYPORT_RULES_RULE_READER_H_

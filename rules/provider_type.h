#ifndef SALLYPORT_RULES_PROVIDER_TYPE_H_
#define SALLYPORT_RULES_PROVIDER_TYPE_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "rules/credential_rule.h"
#include "rules/pattern.h"
#include "rules/placeholder_shape.h"
#include "rules/proxy_config.h"
#include "rules/template.h"

namespace sallyport::rules {

// One value that a provider has, such as its API key.
struct ProviderProperty {
  std::string name;
  std::string help;
  // Programs behind the proxy get a placeholder; otherwise the value itself.
  bool secret = true;
  // A provider without it is none.
  bool required = false;
  // Null: any value.
  std::shared_ptr<const re2::RE2> pattern;
  // Variables of the host's environment that may hold it, the first that is set counting.
  std::vector<std::string> discover;
  // Variables of the program's environment that it goes to.
  std::vector<std::string> project;
  PlaceholderShape placeholder;

  bool Accepts(std::string_view value) const;
};

// A file that programs look for, made of placeholders.
struct ProviderFile {
  // Absolute, or below the home folder: "~/.gitconfig".
  std::string path;
  mode_t mode = 0600;
  // Its names are the properties.
  Template contents;
  // Variables of the program's environment that are set to the file, and to the folder it is in;
  // empty: none.
  std::string file_variable;
  std::string folder_variable;
};

// One of a type's injection rules.
struct ProviderRule {
  // Its source is the one secret property that `format` uses; `further` is empty.
  CredentialRule rule;
  std::vector<Pattern> domains;
};

// A kind of provider, as one file of providers/ describes it: what it is made of, where programs
// look for it, and into which requests it is written. Immutable once parsed.
struct ProviderType {
  std::string name;
  std::string description;
  std::vector<ProviderProperty> properties;
  // A provider may have further properties; without a gateway each is the variable that its name
  // is in upper case.
  bool any_property = false;
  // What its programs have to reach beside the domains of `rules`.
  std::vector<Pattern> hosts;
  std::vector<ProviderRule> rules;
  std::vector<ProviderFile> files;

  // The property of that name; nothing if there is none.
  std::shared_ptr<const ProviderProperty> Find(std::string_view property) const;
  // For error messages and templates.
  std::vector<std::string> PropertyNames() const;
};

struct ParsedProviderType {
  // Null when there are errors.
  std::shared_ptr<const ProviderType> type;
  // Every error of the file, in file order, with line and column.
  std::vector<Problem> errors;
};

// Parses and checks the text of a provider type's file.
ParsedProviderType ParseProviderType(std::string_view text);

// Whether a YAML document that has no name is meant to be a provider type rather than a policy.
bool LooksLikeProviderType(std::string_view text);

// The JSON Schema (draft 2020-12) of the file, made from the same table as the parser.
std::string ProviderTypeSchema();

}  // namespace sallyport::rules

#endif  // SALLYPORT_RULES_PROVIDER_TYPE_H_

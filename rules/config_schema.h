#ifndef SALLYPORT_RULES_CONFIG_SCHEMA_H_
#define SALLYPORT_RULES_CONFIG_SCHEMA_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace sallyport::rules {

// What a string in the configuration is. text_form.h has the check and the regular expression, for
// the JSON Schema, of each.
enum class TextForm : uint8_t {
  kAny,       // not empty, no control characters
  kArgument,  // no NUL
  kPattern,
  kCidr,
  kMethod,
  kPathGlob,
  kVariable,
  kAbsolutePath,
  kHeaderName,
  kTemplate,
  kPlaceholder,
  kPolicyHost,     // a pattern of names, or an address; without a port
  kPolicyPath,     // absolute, without ".."
  kBinaryGlob,     // the same, with '*' and '**'
  kMethodOrAny,    // "*" too
  kNotRoot,        // a user or group
  kParameterGlob,  // of a query parameter's value; may be empty
  kProviderName,   // of a provider type
  kPropertyName,   // of one of a provider's properties
  kProvidedFile,   // absolute, or "~/" and what is below the home folder; without ".."
  kLines,          // no control characters but line feeds and tabs
};

enum class ValueShape : uint8_t {
  kAnything,
  kBoolean,
  kBooleanOrChoice,  // true, false or one of `choices`
  kChoice,           // one of `choices`
  kInteger,          // from `min` to `max`
  kIntegerList,
  kText,
  kTextOrInteger,  // a number stands for its digits
  kTextList,
  kTextOrList,
  kTextOrObject,
  kObject,
  kObjectList,
  kObjectMap,        // keys that the file chooses, each with an object
  kTextOrObjectMap,  // the same with kTextOrObject
};

// Of the keys with the same mark, an object must hold exactly one; of kDestination, at least one.
enum class OneOf : uint8_t { kFree, kSource, kTarget, kPort, kDestination };

// One key of proxy-config.json, policy.yaml or a provider type. These tables are all there is to
// know about which keys exist and what shape their values have: the parsers, their suggestions and
// the JSON Schemas come from them.
struct ConfigKey {
  std::string_view name;
  ValueShape shape = ValueShape::kText;
  std::string_view description = {};
  // The default as JSON text; empty where there is none.
  std::string_view default_value = {};
  TextForm form = TextForm::kAny;
  // Of the keys that the file chooses.
  TextForm key_form = TextForm::kAny;
  std::span<const std::string_view> choices = {};
  int64_t min = 0;
  int64_t max = 0;
  // A list, where given, must have at least one item.
  bool nonempty = false;
  std::span<const ConfigKey> keys = {};
  bool required = false;
  OneOf one_of = OneOf::kFree;
  // Another key that must be there too.
  std::string_view needs = {};
  // A key that the format knows and nothing here acts on: what it is for. Such keys are errors.
  std::string_view unenforced = {};
  // The same of choices.
  std::span<const std::string_view> unenforced_choices = {};
};

// The keys of proxy-config.json's top level.
std::span<const ConfigKey> ConfigKeys();
// The keys of one of its credential rules.
std::span<const ConfigKey> CredentialKeys();
// The keys of policy.yaml's top level (policy_schema.cc).
std::span<const ConfigKey> PolicyKeys();
// The keys of a provider type's top level (provider_schema.cc).
std::span<const ConfigKey> ProviderTypeKeys();

// Header names, lower case, that a credential rule may not write; a name ending in '*' stands for
// all with that prefix.
std::span<const std::string_view> ForbiddenHeaders();

// The keys of `keys` marked `mark`, as "envVar", "file", "command" or "provider".
std::string NamesOf(std::span<const ConfigKey> keys, OneOf mark);

}  // namespace sallyport::rules

#endif  // SALLYPORT_RULES_CONFIG_SCHEMA_H_

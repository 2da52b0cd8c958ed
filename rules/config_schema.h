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
};

enum class ValueShape : uint8_t {
  kAnything,
  kBoolean,
  kBooleanOrChoice,  // true, false or one of `choices`
  kChoice,           // one of `choices`
  kInteger,          // from `min` to `max`
  kText,
  kTextList,
  kTextOrList,
  kObject,
  kObjectList,
};

// Of the keys with the same mark, an object must hold exactly one.
enum class OneOf : uint8_t { kFree, kSource, kTarget };

// One key of proxy-config.json. These tables are all there is to know about which keys exist and
// what shape their values have: the parser, its suggestions and the JSON Schema come from them.
struct ConfigKey {
  std::string_view name;
  ValueShape shape = ValueShape::kText;
  std::string_view description;
  // The default as JSON text; empty where there is none.
  std::string_view default_value = {};
  TextForm form = TextForm::kAny;
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
};

// The keys of the file's top level.
std::span<const ConfigKey> ConfigKeys();

// Header names, lower case, that a credential rule may not write; a name ending in '*' stands for
// all with that prefix.
std::span<const std::string_view> ForbiddenHeaders();

// The keys of `keys` marked `mark`, as "envVar", "file", "command" or "provider".
std::string NamesOf(std::span<const ConfigKey> keys, OneOf mark);

}  // namespace sallyport::rules

#endif  // SALLYPORT_RULES_CONFIG_SCHEMA_H_

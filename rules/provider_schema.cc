#include <algorithm>
#include <array>
#include <vector>

#include "rules/config_schema.h"

namespace sallyport::rules {
namespace {

// Nobody but their owner has business in files that look as if they held credentials; some programs
// refuse theirs otherwise.
constexpr std::array<std::string_view, 6> kModes = {"0400", "0440", "0444", "0600", "0640", "0644"};

constexpr std::array kPropertyKeys = {
    ConfigKey{.name = "help",
              .shape = ValueShape::kText,
              .description = "What it is and where people get one.",
              .required = true},
    ConfigKey{.name = "secret",
              .shape = ValueShape::kBoolean,
              .description = "Programs get a placeholder instead of the value.",
              .default_value = "true"},
    ConfigKey{.name = "required",
              .shape = ValueShape::kBoolean,
              .description = "A provider of this type cannot be without it.",
              .default_value = "false"},
    ConfigKey{.name = "pattern",
              .shape = ValueShape::kText,
              .description = "RE2 expression that the whole value has to match."},
    ConfigKey{.name = "discover",
              .shape = ValueShape::kTextList,
              .description = "Variables of the host's environment that may hold it; the first that "
                             "is set counts.",
              .form = TextForm::kVariable,
              .nonempty = true},
    ConfigKey{.name = "project",
              .shape = ValueShape::kTextList,
              .description = "Variables of the program's environment that it goes to.",
              .form = TextForm::kVariable,
              .nonempty = true},
    ConfigKey{.name = "placeholder",
              .shape = ValueShape::kText,
              .description = "What placeholders look like: literal text with runs of random "
                             "characters such as {hex:32}, {digit:12}, {lower:20}, {upper:20}, "
                             "{alnum:36} and {base64url:40}.",
              .default_value = "\"sallyport-{hex:32}\""},
};

constexpr std::array kFileKeys = {
    ConfigKey{.name = "path",
              .shape = ValueShape::kText,
              .description = "Where programs look for it; ~ is their home folder.",
              .form = TextForm::kProvidedFile,
              .required = true},
    ConfigKey{.name = "mode",
              .shape = ValueShape::kChoice,
              .description = "Its permissions, in quotes.",
              .default_value = "\"0600\"",
              .choices = kModes},
    ConfigKey{.name = "template",
              .shape = ValueShape::kText,
              .description = "Its contents: text with ${property} parts, filled with placeholders, "
                             "and with the values of properties that are no secrets.",
              .form = TextForm::kLines,
              .required = true},
    ConfigKey{.name = "file_variable",
              .shape = ValueShape::kText,
              .description = "A variable that is set to the file's path.",
              .form = TextForm::kVariable},
    ConfigKey{.name = "folder_variable",
              .shape = ValueShape::kText,
              .description = "A variable that is set to the path of the folder it is in.",
              .form = TextForm::kVariable},
};

// A rule of proxy-config.json, whose source and placeholder are what the type is there to say.
const std::vector<ConfigKey>& RuleKeys() {
  static const auto& keys = *[] {
    auto* made = new std::vector<ConfigKey>;
    constexpr std::array<std::string_view, 3> kLeftOut = {"ttlSeconds", "property", "placeholder"};
    for (ConfigKey key : CredentialKeys()) {
      if (key.one_of == OneOf::kSource || std::ranges::count(kLeftOut, key.name) > 0) continue;
      if (key.name == "format") {
        key.description =
            "What is written: text with ${property} parts, of which exactly one is a "
            "secret.";
        key.default_value = {};
        key.required = true;
      }
      made->push_back(key);
    }
    return made;
  }();
  return keys;
}

}  // namespace

std::span<const ConfigKey> ProviderTypeKeys() {
  static const auto& keys = *new std::array{
      ConfigKey{.name = "type",
                .shape = ValueShape::kText,
                .description = "Its name, as in --provider and \"provider\".",
                .form = TextForm::kProviderName,
                .required = true},
      ConfigKey{.name = "description",
                .shape = ValueShape::kText,
                .description = "What it stands for, in a line.",
                .required = true},
      ConfigKey{.name = "properties",
                .shape = ValueShape::kObjectMap,
                .description = "What a provider is made of, by name.",
                .key_form = TextForm::kPropertyName,
                .keys = kPropertyKeys,
                .required = true},
      ConfigKey{.name = "any_property",
                .shape = ValueShape::kBoolean,
                .description = "Further properties may be used; without a gateway each is found in "
                               "the variable that its name is in upper case, and goes there.",
                .default_value = "false"},
      ConfigKey{.name = "hosts",
                .shape = ValueShape::kTextList,
                .description = "Hosts its programs have to reach beside the domains of its "
                               "credentials.",
                .form = TextForm::kPattern},
      ConfigKey{.name = "credentials",
                .shape = ValueShape::kObjectList,
                .description = "Which property is written into which requests: rules as in "
                               "proxy-config.json, without a source.",
                .keys = RuleKeys()},
      ConfigKey{.name = "files",
                .shape = ValueShape::kObjectList,
                .description = "Files that its programs read.",
                .keys = kFileKeys},
  };
  return keys;
}

}  // namespace sallyport::rules

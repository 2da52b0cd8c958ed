#ifndef SALLYPORT_RULES_TEXT_FORM_H_
#define SALLYPORT_RULES_TEXT_FORM_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "rules/config_schema.h"

namespace sallyport::rules {

// Whether a string of the configuration is of `form`; errors say what would be right and never
// repeat the string, which somebody may have put a credential into. Patterns, ranges and templates
// have parsers of their own, and are only held to what their regular expression says here.
absl::Status CheckText(std::string_view text, TextForm form);

// The ECMA-262 regular expression of `form`, for the JSON Schema.
std::string TextFormRegex(TextForm form);

}  // namespace sallyport::rules

#endif  // SALLYPORT_RULES_TEXT_FORM_H_

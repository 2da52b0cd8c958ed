#ifndef SALLYPORT_RULES_JSON_MEMBERS_H_
#define SALLYPORT_RULES_JSON_MEMBERS_H_

#include <string>
#include <string_view>

#include "rules/config_schema.h"
#include "rules/json_document.h"
#include "rules/problem_list.h"

namespace sallyport::rules {

// A member of the right type; null if it is absent or, as CheckObject has said, something else.
const JsonValue* GetMember(const JsonValue& object, std::string_view key, JsonValue::Kind kind);

bool GetBoolean(const JsonValue& object, std::string_view key, bool otherwise);

// A string member of `form`; null, with the problem noted, if it is not.
const std::string* GetText(const JsonValue& object, std::string_view key, TextForm form,
                           const std::string& path, ProblemList* errors);

}  // namespace sallyport::rules

#endif  // SALLYPORT_RULES_JSON_MEMBERS_H_

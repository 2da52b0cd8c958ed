#include "rules/json_members.h"

#include "base/status.h"
#include "rules/text_form.h"

namespace sallyport::rules {

const JsonValue* GetMember(const JsonValue& object, std::string_view key, JsonValue::Kind kind) {
  const JsonValue* value = object.Find(key);
  return value != nullptr && value->kind == kind ? value : nullptr;
}

bool GetBoolean(const JsonValue& object, std::string_view key, bool otherwise) {
  const JsonValue* value = GetMember(object, key, JsonValue::Kind::kBoolean);
  return value == nullptr ? otherwise : value->boolean;
}

const std::string* GetText(const JsonValue& object, std::string_view key, TextForm form,
                           const std::string& path, ProblemList* errors) {
  const JsonValue* value = GetMember(object, key, JsonValue::Kind::kString);
  if (value == nullptr) return nullptr;
  if (absl::Status status = CheckText(value->string, form); !status.ok()) {
    errors->Add(*value, MemberPath(path, key), std::string(Message(status)));
    return nullptr;
  }
  return &value->string;
}

}  // namespace sallyport::rules

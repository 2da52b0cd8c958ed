#ifndef SALLYPORT_RULES_JSON_DOCUMENT_H_
#define SALLYPORT_RULES_JSON_DOCUMENT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rules/proxy_config.h"

namespace sallyport::rules {

// A JSON value that keeps what a checker of configuration needs and JSON libraries drop: the order
// of keys, keys given twice, and where in the file each value stood. Also made from YAML, which has
// the same values (yaml_document.h).
struct JsonValue {
  enum class Kind : uint8_t { kNull, kBoolean, kInteger, kNumber, kString, kArray, kObject };
  struct Member;

  Kind kind = Kind::kNull;
  bool boolean = false;
  // kInteger, and numbers such as 300.0 that are one.
  int64_t integer = 0;
  std::string string;
  std::vector<JsonValue> items;
  std::vector<Member> members;
  // Ascends through the file.
  uint32_t order = 0;
  // 1-based; 0 where the path alone says where a value stands, as in JSON.
  int line = 0;
  int column = 0;

  // The first member of that name; null if there is none.
  const JsonValue* Find(std::string_view key) const;
  // "a string", "a list", …
  std::string_view KindName() const;
};

struct JsonValue::Member {
  std::string key;
  JsonValue value;
  // The same key stood in the object before.
  bool repeated = false;
  // Of the key, as JsonValue::line.
  int line = 0;
  int column = 0;
};

// Values nested deeper than this are an error: no configuration of ours is.
constexpr size_t kMaxJsonDepth = 32;

// Parses JSON (RFC 8259) with '//' and '/* */' comments. False with `problem` filled when `text` is
// not that; `problem` repeats nothing of the text.
bool ParseJson(std::string_view text, JsonValue* value, Problem* problem);

}  // namespace sallyport::rules

#endif  // SALLYPORT_RULES_JSON_DOCUMENT_H_

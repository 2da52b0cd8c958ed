#include "rules/json_document.h"

#include <algorithm>
#include <cmath>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "absl/container/flat_hash_set.h"

namespace sallyport::rules {
namespace {

using Json = nlohmann::json;

// Sets line and column (1-based, in characters) to those of the byte at `offset`.
void Locate(std::string_view text, size_t offset, Problem* problem) {
  const std::string_view before = text.substr(0, std::min(offset, text.size()));
  problem->line = 1 + static_cast<int>(std::count(before.begin(), before.end(), '\n'));
  const std::string_view line = before.substr(before.rfind('\n') + 1);
  problem->column = 1 + static_cast<int>(std::count_if(line.begin(), line.end(), [](char c) {
                      return (static_cast<uint8_t>(c) & 0xc0) != 0x80;
                    }));
}

// Receives the library's events and builds the tree. The library keeps its own stack, so depth
// costs nothing but what is kept here.
class TreeBuilder : public nlohmann::json_sax<Json> {
 public:
  TreeBuilder(std::string_view text, JsonValue* root, Problem* problem)
      : text_(text), root_(root), problem_(problem) {}

  bool null() override { return Put(JsonValue::Kind::kNull) != nullptr; }
  bool boolean(bool value) override {
    Put(JsonValue::Kind::kBoolean)->boolean = value;
    return true;
  }
  bool number_integer(number_integer_t value) override {
    Put(JsonValue::Kind::kInteger)->integer = value;
    return true;
  }
  bool number_unsigned(number_unsigned_t value) override {
    const bool fits = value <= INT64_MAX;
    Put(fits ? JsonValue::Kind::kInteger : JsonValue::Kind::kNumber)->integer =
        fits ? static_cast<int64_t>(value) : 0;
    return true;
  }
  bool number_float(number_float_t value, const string_t&) override {
    // Beyond 2^53 a double no longer tells integers apart.
    const bool whole = std::trunc(value) == value && std::abs(value) <= 9007199254740992.0;
    Put(whole ? JsonValue::Kind::kInteger : JsonValue::Kind::kNumber)->integer =
        whole ? static_cast<int64_t>(value) : 0;
    return true;
  }
  bool string(string_t& value) override {
    Put(JsonValue::Kind::kString)->string = std::move(value);
    return true;
  }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return Open(JsonValue::Kind::kObject); }
  bool end_object() override { return Close(); }
  bool start_array(std::size_t) override { return Open(JsonValue::Kind::kArray); }
  bool end_array() override { return Close(); }

  bool key(string_t& value) override {
    Level& level = open_.back();
    const bool repeated = !level.keys.insert(value).second;
    level.value->members.push_back({.key = std::move(value), .value = {}, .repeated = repeated});
    return true;
  }

  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& error) override {
    // "[…] parse error at line 1, column 2: syntax error while parsing value - invalid literal;
    // last read: '…'": the middle is what a person needs, and the end repeats the file.
    std::string_view what = error.what();
    if (const size_t at = what.find(": "); at != what.npos) what.remove_prefix(at + 2);
    for (const std::string_view quoting : {"; last read", " parsing '"})
      what = what.substr(0, what.find(quoting));
    problem_->message = what;
    Locate(text_, position == 0 ? 0 : position - 1, problem_);
    return false;
  }

 private:
  struct Level {
    JsonValue* value;
    absl::flat_hash_set<std::string> keys;
  };

  JsonValue* Put(JsonValue::Kind kind) {
    JsonValue* value = root_;
    if (!open_.empty()) {
      JsonValue* parent = open_.back().value;
      value = parent->kind == JsonValue::Kind::kArray ? &parent->items.emplace_back()
                                                      : &parent->members.back().value;
    }
    value->kind = kind;
    value->order = order_++;
    return value;
  }

  bool Open(JsonValue::Kind kind) {
    if (open_.size() == kMaxJsonDepth) {
      problem_->message = fmt::format("values are nested deeper than {} levels", kMaxJsonDepth);
      return false;
    }
    open_.push_back({.value = Put(kind), .keys = {}});
    return true;
  }

  bool Close() {
    open_.pop_back();
    return true;
  }

  std::string_view text_;
  JsonValue* root_;
  Problem* problem_;
  // From the root to the innermost value that is not closed. Nothing is added to a value's
  // container while the value is open, so the pointers hold.
  std::vector<Level> open_;
  uint32_t order_ = 0;
};

}  // namespace

const JsonValue* JsonValue::Find(std::string_view key) const {
  for (const Member& member : members) {
    if (member.key == key) return &member.value;
  }
  return nullptr;
}

std::string_view JsonValue::KindName() const {
  switch (kind) {
    case Kind::kNull:
      return "null";
    case Kind::kBoolean:
      return boolean ? "true" : "false";
    case Kind::kInteger:
    case Kind::kNumber:
      return "a number";
    case Kind::kString:
      return "a string";
    case Kind::kArray:
      return "a list";
    case Kind::kObject:
      return "an object";
  }
  return "";
}

bool ParseJson(std::string_view text, JsonValue* value, Problem* problem) {
  // The library takes NUL for the end of the text and would ignore what follows.
  if (const size_t nul = text.find('\0'); nul != text.npos) {
    problem->message = "the file holds a NUL byte";
    Locate(text, nul, problem);
    return false;
  }
  TreeBuilder builder(text, value, problem);
  return Json::sax_parse(text.begin(), text.end(), &builder, Json::input_format_t::json,
                         /*strict=*/true, /*ignore_comments=*/true);
}

}  // namespace sallyport::rules

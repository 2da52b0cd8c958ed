#include "rules/yaml_document.h"

#include <fmt/core.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <charconv>
#include <cmath>
#include <sstream>
#include <vector>

#include "absl/container/flat_hash_set.h"

namespace sallyport::rules {
namespace {

using Kind = JsonValue::Kind;

// Digits in a base, with a sign where `sign` allows one; false if it is something else or too big.
bool ParseInteger(std::string_view text, int64_t* number) {
  int base = 10;
  if (text.starts_with("0x") || text.starts_with("0o")) {
    base = text[1] == 'x' ? 16 : 8;
    text.remove_prefix(2);
    if (text.starts_with('-')) return false;
  } else if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-')) return false;
  }
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number, base);
  return error == std::errc() && end == text.data() + text.size();
}

// The core schema's numbers begin so; std::from_chars would take "inf" and "nan" too.
bool LooksLikeNumber(std::string_view text) {
  if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
  if (text.starts_with('.')) text.remove_prefix(1);
  return !text.empty() && text[0] >= '0' && text[0] <= '9';
}

// YAML 1.2 §10.3.2: what an unquoted scalar stands for.
void ResolvePlain(const std::string& text, JsonValue* value) {
  value->string = text;
  value->kind = Kind::kString;
  if (text == "true" || text == "True" || text == "TRUE") {
    value->kind = Kind::kBoolean;
    value->boolean = true;
  } else if (text == "false" || text == "False" || text == "FALSE") {
    value->kind = Kind::kBoolean;
  } else if (LooksLikeNumber(text)) {
    double number = 0;
    const std::string_view digits = std::string_view(text).substr(text[0] == '+' ? 1 : 0);
    if (ParseInteger(text, &value->integer)) {
      value->kind = Kind::kInteger;
    } else if (const auto [end, error] =
                   std::from_chars(digits.data(), digits.data() + digits.size(), number);
               end == digits.data() + digits.size()) {
      // Beyond 2^53 a double no longer tells integers apart.
      const bool whole = error == std::errc() && std::trunc(number) == number &&
                         std::abs(number) <= 9007199254740992.0;
      value->kind = whole ? Kind::kInteger : Kind::kNumber;
      value->integer = whole ? static_cast<int64_t>(number) : 0;
    }
  }
}

// Receives the library's events and builds the tree. It cannot stop the library, so after the first
// problem it only lets the rest go by.
class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(JsonValue* root, Problem* problem) : root_(root), problem_(problem) {}

  bool failed() const { return failed_; }
  // A document came, even if it was empty.
  bool complete() const { return complete_; }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override { complete_ = true; }

  void OnAnchor(const YAML::Mark& mark, const std::string&) override {
    Fail(mark, "anchors (&name) are not read here; write the value where it is needed");
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    Fail(mark, "aliases (*name) are not read here; write the value out");
  }

  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override {
    if (IsKey()) {
      Fail(mark, "a key is missing or null");
      return;
    }
    Put(mark, Kind::kNull);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                const std::string& text) override {
    if (!CheckTag(mark, tag)) return;
    if (IsKey()) {
      PutKey(mark, text);
      return;
    }
    JsonValue* value = Put(mark, Kind::kString);
    if (value == nullptr) return;
    if (tag == "?") {
      ResolvePlain(text, value);
    } else {
      value->string = text;
    }
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    Open(mark, tag, Kind::kArray);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    Open(mark, tag, Kind::kObject);
  }
  void OnMapEnd() override { Close(); }

  void Fail(const YAML::Mark& mark, std::string message) {
    if (std::exchange(failed_, true)) return;
    problem_->message = std::move(message);
    problem_->line = mark.line + 1;
    problem_->column = mark.column + 1;
  }

 private:
  struct Level {
    JsonValue* value;
    absl::flat_hash_set<std::string> keys;
    // In an object: a key was read and its value is due.
    bool has_key = false;
  };

  bool IsKey() const {
    return !failed_ && !open_.empty() && open_.back().value->kind == Kind::kObject &&
           !open_.back().has_key;
  }

  // "?" and "!" are what the library says of untagged plain and quoted scalars.
  bool CheckTag(const YAML::Mark& mark, const std::string& tag) {
    if (tag.empty() || tag == "?" || tag == "!") return true;
    Fail(mark, "tags (!name) are not read here; leave it out");
    return false;
  }

  void PutKey(const YAML::Mark& mark, const std::string& text) {
    Level& level = open_.back();
    level.has_key = true;
    const bool repeated = !level.keys.insert(text).second;
    level.value->members.push_back({.key = text,
                                    .value = {},
                                    .repeated = repeated,
                                    .line = mark.line + 1,
                                    .column = mark.column + 1});
  }

  JsonValue* Put(const YAML::Mark& mark, Kind kind) {
    if (failed_) return nullptr;
    JsonValue* value = root_;
    if (!open_.empty()) {
      Level& level = open_.back();
      const bool list = level.value->kind == Kind::kArray;
      value = list ? &level.value->items.emplace_back() : &level.value->members.back().value;
      level.has_key = false;
    }
    value->kind = kind;
    value->order = order_++;
    value->line = mark.line + 1;
    value->column = mark.column + 1;
    return value;
  }

  void Open(const YAML::Mark& mark, const std::string& tag, Kind kind) {
    if (!CheckTag(mark, tag)) return;
    if (IsKey()) {
      Fail(mark, "a key must be a word, not a list or an object");
    } else if (open_.size() == kMaxJsonDepth) {
      Fail(mark, fmt::format("values are nested deeper than {} levels", kMaxJsonDepth));
    } else if (JsonValue* value = Put(mark, kind); value != nullptr) {
      open_.push_back({.value = value, .keys = {}});
    }
  }

  void Close() {
    if (!failed_) open_.pop_back();
  }

  JsonValue* root_;
  Problem* problem_;
  // From the root to the innermost value that is not closed. Nothing is added to a value's
  // container while the value is open, so the pointers hold.
  std::vector<Level> open_;
  uint32_t order_ = 0;
  bool failed_ = false;
  bool complete_ = false;
};

// YAML 1.2 §5.1 has no control characters; the library takes some for the end of the file and would
// ignore what follows.
bool CheckBytes(std::string_view text, Problem* problem) {
  int line = 1;
  int column = 1;
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    if ((byte < 0x20 && c != '\n' && c != '\r' && c != '\t') || byte == 0x7f) {
      problem->message = "the file holds a control character; write it as UTF-8 text";
      problem->line = line;
      problem->column = column;
      return false;
    }
    column = c == '\n' ? 1 : column + 1;
    line += c == '\n' ? 1 : 0;
  }
  return true;
}

}  // namespace

bool ParseYaml(std::string_view text, std::string_view what, size_t max_bytes, JsonValue* value,
               Problem* problem) {
  if (text.size() > max_bytes) {
    problem->message = fmt::format("{} has at most {} bytes", what, max_bytes);
    return false;
  }
  if (!CheckBytes(text, problem)) return false;
  TreeBuilder builder(value, problem);
  try {
    std::istringstream input{std::string(text)};
    YAML::Parser parser(input);
    parser.HandleNextDocument(builder);
    JsonValue ignored;
    Problem unsaid;
    TreeBuilder rest(&ignored, &unsaid);
    if (!builder.failed() && parser.HandleNextDocument(rest)) {
      builder.Fail(YAML::Mark::null_mark(), "the file holds more than one document; keep one");
      problem->line = problem->column = 0;
    }
  } catch (const YAML::Exception& error) {
    // Its own messages say what was expected, and repeat at most a name.
    builder.Fail(error.mark, "not YAML: " + error.msg);
  }
  if (!builder.failed() && !builder.complete()) value->kind = Kind::kNull;
  return !builder.failed();
}

}  // namespace sallyport::rules

#ifndef SALLYPORT_BASE_LOG_H_
#define SALLYPORT_BASE_LOG_H_

#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

// Logs go to stderr, one line each. For people: "time level component message key=value…"; for
// machines one JSON object. Callers never pass a secret, a header value or a query string.
// Thread-safe.
namespace sallyport::log {

enum class Level { kError, kWarn, kInfo, kDebug };
enum class Format { kText, kJson };

// "error", "warn", "info" or "debug".
absl::StatusOr<Level> ParseLevel(std::string_view name);
// "text" or "json".
absl::StatusOr<Format> ParseFormat(std::string_view name);

// Call once, before other threads start.
void Configure(Level level, Format format);

bool Enabled(Level level);

// A key and a string or number; lives for the statement it is written in.
class Field {
 public:
  Field(std::string_view key, std::string_view value) : key_(key), value_(value) {}
  Field(std::string_view key, std::integral auto number)
      : key_(key), number_(std::to_string(number)), is_number_(true) {}

  std::string_view key() const { return key_; }
  std::string_view value() const { return is_number_ ? std::string_view(number_) : value_; }
  bool is_number() const { return is_number_; }

 private:
  std::string_view key_;
  std::string_view value_;
  std::string number_;
  bool is_number_ = false;
};

void Write(Level level, std::string_view component, std::string_view message,
           std::initializer_list<Field> fields = {});

inline void Error(std::string_view component, std::string_view message,
                  std::initializer_list<Field> fields = {}) {
  Write(Level::kError, component, message, fields);
}
inline void Warn(std::string_view component, std::string_view message,
                 std::initializer_list<Field> fields = {}) {
  Write(Level::kWarn, component, message, fields);
}
inline void Info(std::string_view component, std::string_view message,
                 std::initializer_list<Field> fields = {}) {
  Write(Level::kInfo, component, message, fields);
}
inline void Debug(std::string_view component, std::string_view message,
                  std::initializer_list<Field> fields = {}) {
  Write(Level::kDebug, component, message, fields);
}

}  // namespace sallyport::log

#endif  // SALLYPORT_BASE_LOG_H_

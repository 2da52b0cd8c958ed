#ifndef SALLYPORT_RULES_PLACEHOLDER_SHAPE_H_
#define SALLYPORT_RULES_PLACEHOLDER_SHAPE_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace sallyport::rules {

// What the placeholders of a credential look like: literal text with runs of random characters, as
// in "ghp_{alnum:36}", so that programs which look at a key's form before they use it are content.
// A value type.
class PlaceholderShape {
 public:
  // Less could be guessed by a program that is told whether a guess was right.
  static constexpr double kMinRandomBits = 64;

  // "sallyport-{hex:32}".
  PlaceholderShape();

  // Runs are {hex:N}, {digit:N}, {lower:N}, {upper:N}, {alnum:N} and {base64url:N}; the rest stands
  // for itself. Errors say what would be right.
  static absl::StatusOr<PlaceholderShape> Parse(std::string_view text);

  // A placeholder, from getrandom(2).
  std::string Fill() const;

 private:
  struct Run {
    // What it is made of; empty: `literal` as it stands.
    std::string_view alphabet;
    size_t count = 0;
    std::string literal;
  };

  std::vector<Run> runs_;
};

}  // namespace sallyport::rules

#endif  // SALLYPORT_RULES_PLACEHOLDER_SHAPE_H_

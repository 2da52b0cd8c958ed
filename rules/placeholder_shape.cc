#include "rules/placeholder_shape.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <utility>

#include <fmt/core.h>

#include "base/status.h"
#include "rules/text_form.h"

namespace sallyport::rules {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::string_view kHex = "0123456789abcdef";
constexpr size_t kMaxRun = 1024;

struct Class {
  std::string_view name;
  std::string_view alphabet;
};

constexpr std::array kClasses = {
    Class{"hex", kHex},
    Class{"digit", kAlphabet.substr(52, 10)},
    Class{"lower", kAlphabet.substr(26, 26)},
    Class{"upper", kAlphabet.substr(0, 26)},
    Class{"alnum", kAlphabet.substr(0, 62)},
    Class{"base64url", kAlphabet},
};

// Random bytes, one after the other, from getrandom(2).
class RandomBytes {
 public:
  uint8_t Next() {
    if (used_ == bytes_.size()) Refill();
    return bytes_[used_++];
  }

 private:
  void Refill() {
    for (size_t filled = 0; filled < bytes_.size();) {
      const ssize_t got = getrandom(bytes_.data() + filled, bytes_.size() - filled, 0);
      if (got > 0) {
        filled += static_cast<size_t>(got);
      } else if (errno != EINTR) {
        std::abort();  // Every kernel that can run this has it; a guessable placeholder is none.
      }
    }
    used_ = 0;
  }

  std::array<uint8_t, 64> bytes_ = {};
  size_t used_ = bytes_.size();
};

char RandomCharacter(std::string_view alphabet, RandomBytes* random) {
  // The largest multiple of the alphabet's size that a byte can count to: what is beyond it would
  // make the first characters likelier.
  const size_t limit = 256 - 256 % alphabet.size();
  size_t byte = random->Next();
  while (byte >= limit) byte = random->Next();
  return alphabet[byte % alphabet.size()];
}

}  // namespace

PlaceholderShape::PlaceholderShape()
    : runs_({{.alphabet = {}, .count = 0, .literal = "sallyport-"},
             {.alphabet = kHex, .count = 32, .literal = {}}}) {}

absl::StatusOr<PlaceholderShape> PlaceholderShape::Parse(std::string_view text) {
  PlaceholderShape shape;
  shape.runs_.clear();
  double bits = 0;
  std::string example;
  while (!text.empty()) {
    const size_t open = std::min(text.find('{'), text.size());
    if (open > 0) {
      shape.runs_.push_back(
          {.alphabet = {}, .count = 0, .literal = std::string(text.substr(0, open))});
      example += text.substr(0, open);
      text.remove_prefix(open);
      continue;
    }
    const size_t colon = text.find(':');
    const size_t close = text.find('}');
    const std::string_view name = text.substr(1, std::min(colon, text.size()) - 1);
    const auto known = std::ranges::find(kClasses, name, &Class::name);
    size_t count = 0;
    const bool complete =
        close != text.npos && colon < close && known != kClasses.end() &&
        std::from_chars(&text[colon + 1], &text[close], count).ptr == &text[close] && count > 0 &&
        count <= kMaxRun;
    if (!complete) {
      return absl::InvalidArgumentError(
          "a run is written {hex:32}: one of hex, digit, lower, upper, alnum and base64url, and "
          "how many characters, at most 1024");
    }
    shape.runs_.push_back({.alphabet = known->alphabet, .count = count, .literal = {}});
    bits += static_cast<double>(count) * std::log2(known->alphabet.size());
    example.append(count, 'x');
    text.remove_prefix(close + 1);
  }
  RETURN_IF_ERROR(CheckText(example, TextForm::kPlaceholder));
  if (bits < kMinRandomBits) {
    return absl::InvalidArgumentError(
        fmt::format("has only {} random bits, and needs {}; make a run longer",
                    static_cast<int>(bits), static_cast<int>(kMinRandomBits)));
  }
  return shape;
}

std::string PlaceholderShape::Fill() const {
  std::string placeholder;
  RandomBytes random;
  for (const Run& run : runs_) {
    placeholder += run.literal;
    for (size_t i = 0; i < run.count; ++i) placeholder += RandomCharacter(run.alphabet, &random);
  }
  return placeholder;
}

}  // namespace sallyport::rules

#ifndef SALLYPORT_RULES_PATTERN_H_
#define SALLYPORT_RULES_PATTERN_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "rules/authority.h"
#include "rules/cidr.h"

namespace re2 {
class RE2;
}  // namespace re2

namespace sallyport::rules {

// One entry of a domain list, compiled. What each form matches is a table in
// docs/configuration.md. A value type.
struct Pattern {
  enum class Kind : uint8_t {
    kExact,   // "example.com", "192.0.2.7", "[2001:db8::1]"
    kRange,   // "192.0.2.0/24": hosts that are address literals in it
    kSuffix,  // "*.example.com": every subdomain at any depth
    kGlob,    // "api-*.example.com": '*' inside labels
    kRegex,   // "~…": RE2 over the whole "host:port"
    kAny,     // "*"
  };

  Kind kind = Kind::kAny;
  // 0 for any port.
  uint16_t port = 0;
  // kExact: the canonical host. kSuffix: what follows "*.". kGlob: the canonical glob, "**." at its
  // start standing for any number of labels. kRegex: the expression.
  std::string text;
  Cidr range;
  std::shared_ptr<const re2::RE2> regex;

  // Errors say what would be right.
  static absl::StatusOr<Pattern> Parse(std::string_view text);

  bool Matches(const Authority& authority) const;

  // Whether everything that `other` matches this one matches too. Where that cannot be known (a
  // regular expression on either side), false.
  bool Covers(const Pattern& other) const;

  // Whether the pattern takes in all names under some public suffix ("*.com", "api-*.co.uk", "*").
  bool SpansPublicSuffix() const;

  // The order in which matches decide, narrowest highest; equal for equally specific patterns.
  uint64_t Specificity() const;

  // In canonical form.
  std::string ToString() const;
};

// Whether `regex` matches the canonical "host:port" of `authority`. Allocates nothing of ours.
bool RegexMatches(const re2::RE2& regex, const Authority& authority);

}  // namespace sallyport::rules

#endif  // SALLYPORT_RULES_PATTERN_H_

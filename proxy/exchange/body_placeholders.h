#ifndef SALLYPORT_PROXY_EXCHANGE_BODY_PLACEHOLDERS_H_
#define SALLYPORT_PROXY_EXCHANGE_BODY_PLACEHOLDERS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "proxy/http/header_list.h"
#include "proxy/scrub/pattern_set.h"
#include "rules/placeholder.h"
#include "rules/rule_set.h"

namespace sallyport::proxy {

// How a request's body writes a text.
enum class BodyFormat : uint8_t { kJson, kForm, kText };

// The format of a body that can be searched, by its Content-Type: JSON (application/json and
// +json, newline-delimited too), application/x-www-form-urlencoded, and text. Nothing for others,
// and for a body with a Content-Encoding.
std::optional<BodyFormat> SearchableFormat(const http::HeaderList& headers);

// `value` as a body of that format writes it: in a JSON string, in a form's field, as it is.
SecretString EncodeFor(BodyFormat format, std::string_view value);

// The placeholders that are looked for in bodies, which are those of rules with "body": true.
// Immutable.
class BodyPlaceholders {
 public:
  BodyPlaceholders() = default;
  BodyPlaceholders(const rules::PlaceholderIndex& index, const rules::RuleSet& rules);

  bool empty() const { return of(BodyFormat::kText).patterns.empty(); }
  const scrub::PatternSet& patterns(BodyFormat format) const { return of(format).patterns; }
  // Of the PlaceholderIndex, the entry whose placeholder a hit is.
  size_t EntryOf(BodyFormat format, const scrub::Hit& hit) const {
    return of(format).entries[of(format).patterns.Original(hit.pattern)];
  }

 private:
  struct Forms {
    scrub::PatternSet patterns;
    // By the pattern's original number.
    std::vector<size_t> entries;
  };
  const Forms& of(BodyFormat format) const { return forms_[static_cast<size_t>(format)]; }

  std::array<Forms, 3> forms_;
};

}  // namespace sallyport::proxy

#endif  // SALLYPORT_PROXY_EXCHANGE_BODY_PLACEHOLDERS_H_

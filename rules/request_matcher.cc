#include "rules/request_matcher.h"

#include <algorithm>
#include <array>

#include "absl/container/inlined_vector.h"
#include "base/hex.h"
#include "rules/glob.h"

namespace sallyport::rules {
namespace {

// How a server may take a query apart (WHATWG URL takes '&' alone; older ones, and the HTML
// specification that was, ';' too).
constexpr std::array<std::string_view, 2> kReadings = {"&", "&;"};

// Longer values go to the heap.
using Decoded = absl::InlinedVector<char, 256>;

std::string_view View(const Decoded& text) { return {text.data(), text.size()}; }

// application/x-www-form-urlencoded. A malformed escape stands for itself, as servers have it.
void Decode(std::string_view text, Decoded* decoded) {
  decoded->clear();
  for (size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? HexDigit(text[i + 1]) : -1;
    const int low = high >= 0 ? HexDigit(text[i + 2]) : -1;
    if (low >= 0) {
      decoded->push_back(static_cast<char>(high * 16 + low));
      i += 2;
    } else {
      decoded->push_back(text[i] == '+' ? ' ' : text[i]);
    }
  }
}

bool MatchesSome(const QueryMatcher& matcher, std::string_view value) {
  // No byte separates anything in a value: NUL cannot stand in a glob.
  return std::any_of(matcher.globs.begin(), matcher.globs.end(),
                     [value](const std::string& glob) { return MatchGlob(glob, value, '\0'); });
}

struct Values {
  size_t total = 0;
  size_t matching = 0;
};

Values Count(const QueryMatcher& matcher, std::string_view query, std::string_view separators) {
  Values values;
  Decoded decoded;
  while (!query.empty()) {
    const size_t end = std::min(query.find_first_of(separators), query.size());
    const std::string_view part = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const size_t equals = std::min(part.find('='), part.size());
    Decode(part.substr(0, equals), &decoded);
    if (View(decoded) != matcher.name) continue;
    Decode(part.substr(std::min(equals + 1, part.size())), &decoded);
    ++values.total;
    if (MatchesSome(matcher, View(decoded))) ++values.matching;
  }
  return values;
}

}  // namespace

bool RequestMatcher::MatchesMethodAndPath(std::string_view request_method,
                                          std::string_view request_path) const {
  return (method == "*" || method == request_method) && MatchGlob(path, request_path, '/');
}

bool RequestMatcher::AllowsQuery(std::string_view request_query) const {
  return std::all_of(query.begin(), query.end(), [request_query](const QueryMatcher& matcher) {
    return std::all_of(kReadings.begin(), kReadings.end(), [&](std::string_view separators) {
      const Values values = Count(matcher, request_query, separators);
      return values.total > 0 && values.matching == values.total;
    });
  });
}

bool RequestMatcher::DeniesQuery(std::string_view request_query) const {
  return std::all_of(query.begin(), query.end(), [request_query](const QueryMatcher& matcher) {
    return std::any_of(kReadings.begin(), kReadings.end(), [&](std::string_view separators) {
      return Count(matcher, request_query, separators).matching > 0;
    });
  });
}

}  // namespace sallyport::rules

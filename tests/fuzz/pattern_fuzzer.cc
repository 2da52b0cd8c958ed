// Patterns and hosts, a line each: "pattern" lines first, then an empty line, then authorities. The
// compiled set must find exactly what the patterns match one by one, and canonical forms must be
// fixed points.

#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "rules/authority.h"
#include "rules/pattern.h"
#include "rules/pattern_set.h"

namespace {

using sallyport::rules::Authority;
using sallyport::rules::Pattern;
using sallyport::rules::PatternSet;

void Require(bool condition) {
  if (!condition) std::abort();
}

std::string_view TakeLine(std::string_view* text) {
  const size_t end = text->find('\n');
  const std::string_view line = text->substr(0, end);
  text->remove_prefix(end == text->npos ? text->size() : end + 1);
  return line;
}

void CheckPattern(const Pattern& pattern) {
  const absl::StatusOr<Pattern> again = Pattern::Parse(pattern.ToString());
  Require(again.ok() && again->kind == pattern.kind && again->ToString() == pattern.ToString());
  Require(pattern.kind == Pattern::Kind::kRegex || pattern.Covers(*again));
  (void)pattern.SpansPublicSuffix();
}

void CheckAuthority(const Authority& authority, const std::vector<Pattern>& patterns,
                    const PatternSet& set) {
  const auto again = sallyport::rules::ParseAuthority(authority.ToString(), std::nullopt);
  Require(again.ok() && *again == authority);
  std::vector<bool> found(patterns.size());
  uint64_t best = 0;
  set.ForEachMatch(authority, [&](const PatternSet::Entry& entry) {
    found[entry.id] = true;
    best = std::max(best, entry.specificity);
  });
  uint64_t best_of_best = 0;
  set.ForEachBestMatch(authority, [&](const PatternSet::Entry& entry) {
    best_of_best = std::max(best_of_best, entry.specificity);
  });
  Require(best == best_of_best);
  for (size_t i = 0; i < patterns.size(); ++i) {
    Require(found[i] == patterns[i].Matches(authority));
    for (const Pattern& other : patterns) {
      Require(!other.Covers(patterns[i]) || !found[i] || other.Matches(authority));
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<Pattern> patterns;
  PatternSet set;
  while (!text.empty() && patterns.size() < 32) {
    const std::string_view line = TakeLine(&text);
    if (line.empty()) break;
    absl::StatusOr<Pattern> pattern = Pattern::Parse(line);
    if (!pattern.ok()) continue;
    CheckPattern(*pattern);
    set.Add(*pattern, static_cast<uint32_t>(patterns.size()));
    patterns.push_back(*std::move(pattern));
  }
  while (!text.empty()) {
    const auto authority = sallyport::rules::ParseAuthority(TakeLine(&text), 443);
    if (authority.ok()) CheckAuthority(*authority, patterns, set);
  }
  return 0;
}

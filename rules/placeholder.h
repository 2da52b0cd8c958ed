#ifndef SALLYPORT_RULES_PLACEHOLDER_H_
#define SALLYPORT_RULES_PLACEHOLDER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::rules {

// "sallyport-" and 32 hexadecimal digits: 128 bits from getrandom(2).
std::string MakePlaceholder();

// Finds placeholders in text in one pass, however many there are. Immutable.
class PlaceholderIndex {
 public:
  struct Entry {
    std::string placeholder;
    // The rules that own it, ascending indexes into RuleSet::rules().
    std::vector<uint16_t> rules;
  };
  struct Hit {
    size_t position = 0;
    size_t length = 0;
    size_t entry = 0;
  };

  PlaceholderIndex() = default;
  // Entries with equal placeholders are merged.
  explicit PlaceholderIndex(std::vector<Entry> entries);

  // The first placeholder at or after `from`; the longest where several begin at one place. Costs
  // about a nanosecond a byte and allocates nothing.
  std::optional<Hit> Find(std::string_view text, size_t from = 0) const;

  bool empty() const { return entries_.empty(); }
  std::span<const Entry> entries() const { return entries_; }

 private:
  std::vector<Entry> entries_;
  // A window of this many bytes of each placeholder, hashed, marks where one may be.
  size_t window_ = 0;
  std::vector<uint64_t> filter_;
  std::vector<std::pair<uint64_t, uint32_t>> windows_;
};

}  // namespace sallyport::rules

#endif  // SALLYPORT_RULES_PLACEHOLDER_H_

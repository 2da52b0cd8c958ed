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
  // Entries with equal placeholders are merged, empty ones left out.
  explicit PlaceholderIndex(std::vector<Entry> entries);

  // The first placeholder at or after `from`; the longest where several begin at one place. Costs
  // about a nanosecond a byte and allocates nothing.
  std::optional<Hit> Find(std::string_view text, size_t from = 0) const;

  bool empty() const { return entries_.empty(); }
  std::span<const Entry> entries() const { return entries_; }

 private:
  // Some bytes of a placeholder that tell it from others, and where in it they stand.
  struct Window {
    uint64_t bytes = 0;
    size_t offset = 0;
    uint32_t entry = 0;
  };

  // Fibonacci hashing: the high bits of a product with 2^64 over the golden ratio.
  uint64_t FilterBit(uint64_t window) const { return window * 0x9e3779b97f4a7c15u >> shift_; }
  void ChooseWindows();
  template <size_t kFixedWindow>
  std::optional<Hit> Scan(std::string_view text, size_t from) const;
  // Improves `hit` by the placeholders that have `window` at `at`.
  void Check(std::string_view text, size_t from, size_t at, uint64_t window,
             std::optional<Hit>* hit) const;

  std::vector<Entry> entries_;
  // Bytes a window, at most 8; 0 in an empty index.
  size_t window_size_ = 0;
  size_t max_offset_ = 0;
  // One bit for each hash that some window has.
  std::vector<uint64_t> filter_;
  int shift_ = 0;
  // By their bytes.
  std::vector<Window> windows_;
};

}  // namespace sallyport::rules

#endif  // SALLYPORT_RULES_PLACEHOLDER_H_

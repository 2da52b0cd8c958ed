#include "rules/placeholder.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>

#include "absl/container/flat_hash_map.h"
#include "rules/placeholder_shape.h"

namespace sallyport::rules {
namespace {

constexpr size_t kMaxWindow = sizeof(uint64_t);

uint64_t Load(const char* bytes, size_t count) {
  uint64_t window = 0;
  std::memcpy(&window, bytes, count);
  return window;
}

}  // namespace

std::string MakePlaceholder() { return PlaceholderShape().Fill(); }

PlaceholderIndex::PlaceholderIndex(std::vector<Entry> entries) {
  std::map<std::string, std::vector<uint16_t>> merged;
  for (Entry& entry : entries) {
    if (entry.placeholder.empty()) continue;
    std::vector<uint16_t>& rules = merged[entry.placeholder];
    rules.insert(rules.end(), entry.rules.begin(), entry.rules.end());
  }
  if (merged.empty()) return;
  window_size_ = kMaxWindow;
  for (auto& [placeholder, rules] : merged) {
    std::sort(rules.begin(), rules.end());
    rules.erase(std::unique(rules.begin(), rules.end()), rules.end());
    window_size_ = std::min(window_size_, placeholder.size());
    entries_.push_back({.placeholder = placeholder, .rules = std::move(rules)});
  }
  ChooseWindows();
}

void PlaceholderIndex::ChooseWindows() {
  // Placeholders look alike in places ("sallyport-", "sk-ant-"), so each is known by the window
  // that the fewest others have, or else the search would stop at every prefix.
  absl::flat_hash_map<uint64_t, uint32_t> popularity;
  const auto windows_of = [this](const Entry& entry) {
    return entry.placeholder.size() - window_size_ + 1;
  };
  for (const Entry& entry : entries_) {
    for (size_t i = 0; i < windows_of(entry); ++i) {
      ++popularity[Load(entry.placeholder.data() + i, window_size_)];
    }
  }
  // 64 bits a placeholder: of the windows that are none of ours, one in 64 looks as if it were.
  const size_t bits = std::bit_ceil(std::max<size_t>(4096, entries_.size() * 64));
  shift_ = 64 - static_cast<int>(std::bit_width(bits - 1));
  filter_.assign(bits / 64, 0);
  for (uint32_t index = 0; index < entries_.size(); ++index) {
    const std::string& placeholder = entries_[index].placeholder;
    size_t best = 0;
    for (size_t i = 1; i < windows_of(entries_[index]); ++i) {
      const auto count = [&](size_t at) {
        return popularity[Load(placeholder.data() + at, window_size_)];
      };
      if (count(i) < count(best)) best = i;
    }
    const uint64_t window = Load(placeholder.data() + best, window_size_);
    const uint64_t bit = FilterBit(window);
    filter_[bit / 64] |= uint64_t{1} << (bit % 64);
    windows_.push_back({.bytes = window, .offset = best, .entry = index});
    max_offset_ = std::max(max_offset_, best);
  }
  std::sort(windows_.begin(), windows_.end(),
            [](const Window& a, const Window& b) { return a.bytes < b.bytes; });
}

std::optional<PlaceholderIndex::Hit> PlaceholderIndex::Find(std::string_view text,
                                                            size_t from) const {
  if (window_size_ == 0 || text.size() < window_size_) return std::nullopt;
  return window_size_ == kMaxWindow ? Scan<kMaxWindow>(text, from) : Scan<0>(text, from);
}

template <size_t kFixedWindow>
std::optional<PlaceholderIndex::Hit> PlaceholderIndex::Scan(std::string_view text,
                                                            size_t from) const {
  const size_t size = kFixedWindow != 0 ? kFixedWindow : window_size_;
  std::optional<Hit> hit;
  size_t end = text.size() - size + 1;
  for (size_t at = from; at < end; ++at) {
    const uint64_t window = Load(text.data() + at, size);
    const uint64_t bit = FilterBit(window);
    if ((filter_[bit / 64] >> (bit % 64) & 1) == 0) continue;
    Check(text, from, at, window, &hit);
    // Another placeholder may begin earlier and have its window later, by so much at most.
    if (hit.has_value()) end = std::min(end, hit->position + max_offset_ + 1);
  }
  return hit;
}

void PlaceholderIndex::Check(std::string_view text, size_t from, size_t at, uint64_t window,
                             std::optional<Hit>* hit) const {
  const auto [first, last] = std::equal_range(
      windows_.begin(), windows_.end(), Window{.bytes = window, .offset = 0, .entry = 0},
      [](const Window& a, const Window& b) { return a.bytes < b.bytes; });
  for (auto it = first; it != last; ++it) {
    if (at < from + it->offset) continue;
    const size_t position = at - it->offset;
    const std::string& placeholder = entries_[it->entry].placeholder;
    if (!text.substr(position).starts_with(placeholder)) continue;
    const bool better = !hit->has_value() || position < (*hit)->position ||
                        (position == (*hit)->position && placeholder.size() > (*hit)->length);
    if (better) *hit = Hit{.position = position, .length = placeholder.size(), .entry = it->entry};
  }
}

}  // namespace sallyport::rules

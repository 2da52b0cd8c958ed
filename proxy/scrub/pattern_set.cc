#include "proxy/scrub/pattern_set.h"

#include <string.h>

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstdlib>

namespace sallyport::scrub {
namespace {

constexpr size_t kWindow = 4;
static_assert(PatternSet::kMinLength >= kWindow);

// A cache line: wider steps would not read less memory, and cost more windows.
constexpr size_t kMaxStride = 64;

// The odd number next to 2^32 over the golden ratio (Knuth, TAOCP 6.4).
constexpr uint32_t kGolden = 0x9e3779b1;

// For each window, so that about one in this many foreign ones looks like ours.
constexpr size_t kFilterBitsPerWindow = 32;

uint32_t HashAt(const char* bytes) {
  uint32_t window;
  std::memcpy(&window, bytes, kWindow);
  return window * kGolden;
}

// The allocator of SecretString aligns to 32 bytes.
template <typename T>
T* As(SecretString* memory) {
  return reinterpret_cast<T*>(memory->mutable_bytes());
}

template <typename T>
const T* As(const SecretString& memory) {
  return reinterpret_cast<const T*>(memory.Reveal().data());
}

bool TestBit(const SecretString& bits, size_t index) {
  return (As<uint64_t>(bits)[index / 64] >> (index % 64) & 1) != 0;
}

void SetBit(SecretString* bits, size_t index) {
  As<uint64_t>(bits)[index / 64] |= uint64_t{1} << (index % 64);
}

SecretString Zeros(size_t size) {
  SecretString memory = SecretString::OfSize(size);
  std::memset(memory.mutable_bytes(), 0, size);
  return memory;
}

}  // namespace

PatternSet::PatternSet(std::span<const SecretString> patterns) {
  std::vector<uint32_t> order;
  for (uint32_t i = 0; i < patterns.size(); ++i) {
    if (patterns[i].size() < kMinLength) std::abort();  // the caller's to leave out
    order.push_back(i);
  }
  if (order.empty()) return;
  std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    return patterns[a].Reveal() < patterns[b].Reveal();
  });
  order.erase(std::unique(order.begin(), order.end(),
                          [&](uint32_t a, uint32_t b) {
                            return patterns[a].Reveal() == patterns[b].Reveal();
                          }),
              order.end());
  size_t total = 0;
  size_t shortest = patterns[order[0]].size();
  for (const uint32_t index : order) {
    total += patterns[index].size();
    shortest = std::min(shortest, patterns[index].size());
  }
  stride_ = std::min(kMaxStride, shortest - kWindow + 1);
  bytes_ = SecretString::OfSize(total);
  uint32_t offset = 0;
  for (const uint32_t index : order) {
    const std::string_view bytes = patterns[index].Reveal();
    std::memcpy(bytes_.mutable_bytes() + offset, bytes.data(), bytes.size());
    spans_.push_back({offset, static_cast<uint32_t>(bytes.size()), index});
    offset += static_cast<uint32_t>(bytes.size());
  }
  MakeIndex();
}

void PatternSet::MakeIndex() {
  const size_t count = spans_.size() * stride_;
  const size_t bits = std::bit_ceil(std::max<size_t>(1024, count * kFilterBitsPerWindow));
  filter_ = Zeros(bits / 8);
  filter_shift_ = 32 - std::countr_zero(bits);
  first_bytes_ = Zeros(256 / 8);
  windows_ = SecretString::OfSize(count * sizeof(Window));
  Window* next = As<Window>(&windows_);
  for (uint32_t pattern = 0; pattern < spans_.size(); ++pattern) {
    const std::string_view bytes = Bytes(pattern);
    SetBit(&first_bytes_, static_cast<uint8_t>(bytes[0]));
    for (uint32_t at = 0; at < stride_; ++at) {
      const uint32_t hash = HashAt(bytes.data() + at);
      SetBit(&filter_, hash >> filter_shift_);
      *next++ = {hash, pattern, at};
    }
  }
  std::sort(As<Window>(&windows_), next,
            [](const Window& a, const Window& b) { return a.hash < b.hash; });
}

std::string_view PatternSet::Bytes(uint32_t pattern) const {
  return bytes_.Reveal().substr(spans_[pattern].offset, spans_[pattern].size);
}

std::span<const PatternSet::Window> PatternSet::windows() const {
  return {As<Window>(windows_), windows_.size() / sizeof(Window)};
}

inline bool PatternSet::Filter(uint32_t hash) const {
  return TestBit(filter_, hash >> filter_shift_);
}

size_t PatternSet::Scan(std::string_view text, Hits* hits) const {
  size_t partial = text.size();
  const size_t before = hits->size();
  for (size_t at = 0; at + kWindow <= text.size(); at += stride_) {
    const uint32_t hash = HashAt(text.data() + at);
    if (Filter(hash)) [[unlikely]]
      Check(text, at, hash, hits, &partial);
  }
  std::sort(hits->begin() + static_cast<std::ptrdiff_t>(before), hits->end(),
            [](const Hit& a, const Hit& b) {
              return a.begin != b.begin ? a.begin < b.begin : a.end > b.end;
            });
  return partial;
}

size_t PatternSet::Search(std::string_view text, Hits* hits) const {
  if (empty()) return text.size();
  size_t partial = Scan(text, hits);
  // A beginning too short for a probe to be sure to lie in it.
  const size_t tail = stride_ + kWindow - 2;
  for (size_t at = text.size() - std::min(tail, text.size()); at < partial; ++at) {
    if (!TestBit(first_bytes_, static_cast<uint8_t>(text[at]))) continue;
    if (Begins(text.substr(at))) partial = at;
  }
  return partial;
}

void PatternSet::SearchWhole(std::string_view text, Hits* hits) const {
  // Shorter than the shortest pattern: most names and values of headers are.
  if (empty() || text.size() < stride_ + kWindow - 1) return;
  Scan(text, hits);
}

void PatternSet::Check(std::string_view text, size_t at, uint32_t hash, Hits* hits,
                       size_t* partial) const {
  const std::span<const Window> all = windows();
  auto window = std::lower_bound(all.begin(), all.end(), hash,
                                 [](const Window& a, uint32_t h) { return a.hash < h; });
  for (; window != all.end() && window->hash == hash; ++window) {
    if (at < window->offset) continue;
    const size_t begin = at - window->offset;
    const std::string_view pattern = Bytes(window->pattern);
    const std::string_view there = text.substr(begin, pattern.size());
    if (!pattern.starts_with(there)) continue;
    if (there.size() == pattern.size()) {
      hits->push_back({begin, begin + pattern.size(), window->pattern});
    } else {
      *partial = std::min(*partial, begin);
    }
  }
}

bool PatternSet::Begins(std::string_view text) const {
  // Of the patterns that are not less than `text`, those that begin with it come first.
  auto span = std::lower_bound(spans_.begin(), spans_.end(), text,
                               [this](const Span& a, std::string_view bytes) {
                                 return bytes_.Reveal().substr(a.offset, a.size) < bytes;
                               });
  if (span != spans_.end() && span->size == text.size()) ++span;
  return span != spans_.end() && bytes_.Reveal().substr(span->offset, span->size).starts_with(text);
}

}  // namespace sallyport::scrub

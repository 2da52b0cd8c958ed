#ifndef SALLYPORT_PROXY_SCRUB_PATTERN_SET_H_
#define SALLYPORT_PROXY_SCRUB_PATTERN_SET_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "base/secret.h"

namespace sallyport::scrub {

// An occurrence of a pattern: bytes [begin, end) of the text that was searched.
struct Hit {
  size_t begin = 0;
  size_t end = 0;
  uint32_t pattern = 0;  // as PatternSet::order() numbers them
};
using Hits = absl::InlinedVector<Hit, 8>;

// A few byte strings, found in text all at once and exactly. Made to say "not here" quickly, since
// that is the answer for nearly every byte of nearly every reply.
//
// Where the shortest pattern has m bytes, each occurrence of any of them covers, at one of its
// first m - 3 bytes, a text position that is a multiple of m - 3, with four bytes still to come. So
// only these positions are looked at: the four bytes there are hashed, and one bit says whether
// some pattern has four such bytes among its first ones (Wu and Manber's idea of looking at blocks,
// without their shift table). Forty-byte secrets cost one probe every 37 bytes. It needs no vector
// instructions and is as fast on any processor.
//
// All that is derived from the patterns' bytes lives in SecretString memory. Immutable, shared
// between threads freely.
class PatternSet {
 public:
  // Shorter ones cannot be searched for.
  static constexpr size_t kMinLength = 4;

  // Finds nothing.
  PatternSet() = default;
  // Each at least kMinLength long; equal ones may occur, and only the first is ever reported.
  explicit PatternSet(std::span<const SecretString> patterns);

  // Appends every occurrence in `text`, the earlier first, of several at one place the longest
  // first. Returns where the first occurrence may begin that needs more bytes than `text` has:
  // text.size() if no end of `text` is the beginning of a pattern.
  //
  // Takes about a nanosecond for each `stride()` bytes. Allocates nothing for up to eight hits.
  size_t Search(std::string_view text, Hits* hits) const;
  // The same for a text that nothing follows.
  void SearchWhole(std::string_view text, Hits* hits) const;

  bool empty() const { return spans_.empty(); }
  // Bytes of text for each probe.
  size_t stride() const { return stride_; }
  // For Hit::pattern, which pattern of those given that is.
  uint32_t Original(uint32_t pattern) const { return spans_[pattern].original; }

 private:
  struct Span {
    uint32_t offset = 0;  // in bytes_
    uint32_t size = 0;
    uint32_t original = 0;
  };
  // Four bytes of a pattern.
  struct Window {
    uint32_t hash = 0;
    uint32_t pattern = 0;
    uint32_t offset = 0;  // in the pattern
  };

  std::string_view Bytes(uint32_t pattern) const;
  std::span<const Window> windows() const;
  bool Filter(uint32_t hash) const;
  void MakeIndex();
  // Appends the hits, sorted; returns where an unfinished one begins that has a window in `text`.
  size_t Scan(std::string_view text, Hits* hits) const;
  // Looks at the patterns that have the window at `at`; lowers `partial` to where one begins that
  // `text` may hold the beginning of.
  void Check(std::string_view text, size_t at, uint32_t hash, Hits* hits, size_t* partial) const;
  // Whether `text` is the beginning of a longer pattern.
  bool Begins(std::string_view text) const;

  size_t stride_ = 0;
  // By their bytes, ascending.
  std::vector<Span> spans_;
  SecretString bytes_;
  // Of Window, by hash.
  SecretString windows_;
  // Of uint64_t: a bit for each value that the high bits of a window's hash have.
  SecretString filter_;
  int filter_shift_ = 0;
  // Of uint64_t, 256 bits: the first bytes.
  SecretString first_bytes_;
};

}  // namespace sallyport::scrub

#endif  // SALLYPORT_PROXY_SCRUB_PATTERN_SET_H_

#ifndef SALLYPORT_PROXY_SCRUB_SCRUB_SET_H_
#define SALLYPORT_PROXY_SCRUB_SCRUB_SET_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/arena.h"
#include "proxy/scrub/pattern_set.h"

namespace sallyport::scrub {

// What must not be in the replies to a request that carried one credential, and what is put in its
// place. Made once for each value of a credential. Immutable, shared between threads freely.
class ScrubSet {
 public:
  // Shorter values are not looked for: they would be found everywhere.
  static constexpr size_t kShortestValue = 5;

  // Finds nothing.
  ScrubSet() = default;
  // The credential's value, and what its rule makes of that. Each is looked for as it is, in base64
  // (both alphabets, all three alignments) and as URLs, JSON and HTML write it. What holds the
  // value itself is only looked for where the value is too short.
  ScrubSet(std::string_view value, std::span<const std::string_view> formatted);

  // `text` with every occurrence overwritten, byte by byte, in the arena; `text` itself where
  // there is none. Adds the number of occurrences to `count`; those that overlap are one.
  std::string_view Scrub(std::string_view text, Arena* arena, uint64_t* count) const;

  const PatternSet& patterns() const { return patterns_; }
  bool empty() const { return patterns_.empty(); }
  // In no pattern, so that what has been overwritten is never part of another occurrence. Good in a
  // header's name and value, a URL and a JSON string.
  char filler() const { return filler_; }

 private:
  PatternSet patterns_;
  char filler_ = '*';
};

}  // namespace sallyport::scrub

#endif  // SALLYPORT_PROXY_SCRUB_SCRUB_SET_H_

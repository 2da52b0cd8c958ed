#ifndef SALLYPORT_PROXY_SCRUB_STREAM_SEARCH_H_
#define SALLYPORT_PROXY_SCRUB_STREAM_SEARCH_H_

#include <span>
#include <string>
#include <string_view>

#include "proxy/scrub/pattern_set.h"

namespace sallyport::scrub {

// Searches a stream that comes in pieces. Keeps back what may be the beginning of an occurrence,
// and nothing else; what it finds does not depend on where the stream was cut. A piece that needs
// no bytes of another is not copied.
class StreamSearch {
 public:
  // What is decided.
  struct Ready {
    // The next bytes of the stream. Valid until the next call, or as long as the bytes given.
    std::string_view text;
    // How many of them, the first ones, Release has given before.
    size_t released = 0;
    // The occurrences that begin in `text`, in its positions and in PatternSet::Search's order.
    // They may end behind it.
    std::span<const Hit> hits;
  };

  StreamSearch() = default;
  StreamSearch(const StreamSearch&) = delete;
  StreamSearch& operator=(const StreamSearch&) = delete;
  ~StreamSearch() { Clear(); }

  // Begins a stream. `patterns` outlives it.
  void Begin(const PatternSet* patterns);
  Ready Add(std::string_view bytes);
  // All that is kept back, early; it will be given again when it is decided. An occurrence that
  // begins in it and ends behind it is found then.
  Ready Release();
  // The stream is over: all that was kept back.
  Ready Finish();
  size_t kept() const { return kept_.size() - passed_; }
  // Forgets everything, overwriting what was kept.
  void Clear();

 private:
  void DropPassed();
  Ready Decide(std::string_view text, size_t undecided);

  const PatternSet* patterns_ = nullptr;
  // Bytes kept back, behind `passed_` that went out with the last call.
  std::string kept_;
  size_t passed_ = 0;
  // Of those kept back, how many Release has given.
  size_t released_ = 0;
  Hits hits_;
};

}  // namespace sallyport::scrub

#endif  // SALLYPORT_PROXY_SCRUB_STREAM_SEARCH_H_

#ifndef SALLYPORT_PROXY_SCRUB_SCRUBBER_H_
#define SALLYPORT_PROXY_SCRUB_SCRUBBER_H_

#include <cstdint>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "proxy/scrub/scrub_set.h"
#include "proxy/scrub/stream_search.h"

namespace sallyport::scrub {

// Overwrites every occurrence of a ScrubSet's patterns in one stream of bytes, which keeps its
// length. Occurrences may overlap and may be cut in any way; the result is the same. Bytes leave at
// once, but for those at the end that may be the beginning of an occurrence.
class Scrubber {
 public:
  // Takes the next bytes of the result, valid for the call. Must not call the scrubber.
  using Out = absl::FunctionRef<void(std::string_view bytes)>;

  // Begins a stream. `set` outlives it.
  void Begin(const ScrubSet* set);
  void Write(std::string_view bytes, Out out);
  // What was kept back leaves, because somebody waits for it and nothing that may follow belongs to
  // it. If something does all the same, what is left of the occurrence is overwritten.
  void Release(Out out);
  // The stream is over: what was kept back leaves.
  void Finish(Out out);
  // The stream was broken off. What was kept back leaves if it is shorter than any value that is
  // looked for; more may be nearly all of one, and is forgotten.
  void Abandon(Out out);
  // Forgets what was kept back.
  void Clear();

  // Occurrences so far; those that overlap are one.
  uint64_t count() const { return count_; }

 private:
  void Pass(const StreamSearch::Ready& ready, Out out);

  const ScrubSet* set_ = nullptr;
  StreamSearch search_;
  // Of the stream, how much is decided and has left.
  uint64_t position_ = 0;
  // Up to where in the stream the occurrences reach that have begun.
  uint64_t covered_ = 0;
  uint64_t count_ = 0;
};

}  // namespace sallyport::scrub

#endif  // SALLYPORT_PROXY_SCRUB_SCRUBBER_H_

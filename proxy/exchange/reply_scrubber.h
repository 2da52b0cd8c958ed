#ifndef SALLYPORT_PROXY_EXCHANGE_REPLY_SCRUBBER_H_
#define SALLYPORT_PROXY_EXCHANGE_REPLY_SCRUBBER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "proxy/exchange/message_envelopes.h"
#include "proxy/exchange/request_policy.h"
#include "proxy/http/message.h"
#include "proxy/metrics/worker_metrics.h"
#include "proxy/scrub/scrubber.h"

namespace sallyport::proxy {

// Takes out of a reply the credentials that its request carried: of every head, body and trailers,
// all that the client will get. For one exchange at a time.
class ReplyScrubber {
 public:
  using Out = scrub::Scrubber::Out;

  // What becomes of a reply's body.
  enum class Body : uint8_t {
    kPassed,    // there is nothing to look for, or no body
    kSearched,  // it goes through Write and Finish
    kSkipped,   // it is encoded, and passed on
    kRefused,   // it is encoded, and a rule is "strict"
  };

  // For the reply to a request whose plan is complete. Keeps pointers into the plan's snapshot.
  void Begin(const RequestPlan& plan);
  // Forgets everything but the memory.
  void Clear();

  // A head, interim ones too. What is changed moves to the head's arena.
  void ScrubHead(http::ResponseHead* head);
  // What is changed moves to `arena`.
  void ScrubTrailers(http::HeaderList* trailers, Arena* arena);

  // Of the final head, before it is sent.
  Body BeginBody(const http::ResponseHead& head);
  void Write(std::string_view bytes, Out out);
  void Finish(Out out);
  // The body was broken off.
  void Abandon(Out out);

  // Occurrences overwritten, in all.
  uint64_t count() const;
  // Adds them to the counts of the rules whose credential it was.
  void AddTo(const RequestPlan& plan, metrics::WorkerMetrics* metrics) const;

 private:
  // One credential. What one stage lets out is the next one's input.
  struct Stage {
    uint16_t rule = 0;
    const scrub::ScrubSet* set = nullptr;
    uint64_t in_fields = 0;
    scrub::Scrubber body;

    uint64_t count() const { return in_fields + body.count(); }
  };

  void ScrubFields(http::HeaderList* fields, Arena* arena);
  void WriteFrom(size_t stage, std::string_view bytes, Out out);
  // Has each stage give what it kept back.
  void Flush(void (scrub::Scrubber::*give)(Out), Out out);

  // The first `used_` are in use; the others keep their memory.
  std::vector<std::unique_ptr<Stage>> stages_;
  size_t used_ = 0;
  bool strict_ = false;
  bool enveloped_ = false;
  MessageEnvelopes envelopes_;
};

}  // namespace sallyport::proxy

#endif  // SALLYPORT_PROXY_EXCHANGE_REPLY_SCRUBBER_H_

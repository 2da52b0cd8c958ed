#ifndef SALLYPORT_PROXY_EXCHANGE_BODY_REWRITER_H_
#define SALLYPORT_PROXY_EXCHANGE_BODY_REWRITER_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "proxy/exchange/body_placeholders.h"
#include "proxy/exchange/placeholder_access.h"
#include "proxy/exchange/request_policy.h"
#include "proxy/http/local_reply.h"
#include "proxy/scrub/stream_search.h"

namespace sallyport::proxy {

// Replaces placeholders in a request's body, piece by piece, by the values they stand for.
//
// What the request has to say of its length is settled before its head is sent. A body of up to
// kMaxGathered bytes that announces its length is gathered first: then nothing at all has gone out
// when it must be refused, and its new length is known. A longer one, or one that the client sends
// only after a 100 (Continue), is streamed, without a length where it may change. Bodies whose
// length is not announced are streamed as they come.
class BodyRewriter {
 public:
  using Out = absl::FunctionRef<void(std::string_view bytes)>;

  static constexpr uint64_t kMaxGathered = uint64_t{64} * 1024;

  enum class Mode : uint8_t {
    kOff,     // the body is passed on unseen
    kGather,  // all of it before the head
    kStream,
  };

  // Decides about `request`, whose placeholders have not been replaced yet. Adds to plan->carried
  // the rules whose values the body may get. `plan` outlives the request's body.
  void Begin(RequestPlan* plan, const http::RequestHead& request);
  Mode mode() const { return mode_; }
  // A body that is streamed may change its length.
  bool changes_length() const { return changes_length_; }

  // Takes the next bytes of the body and gives what may go out, which is valid for the call. False:
  // the request must be refused, and nothing more comes.
  bool Write(std::string_view bytes, Out out);
  // The body is over: what was kept back.
  bool Finish(Out out);
  // After Write or Finish returned false.
  const http::LocalReply& refusal() const { return *refusal_; }

  // Ends the search, and forgets what was kept back.
  void Stop();

 private:
  bool Pass(const scrub::StreamSearch::Ready& ready, Out out);

  Mode mode_ = Mode::kOff;
  bool changes_length_ = false;
  BodyFormat format_ = BodyFormat::kText;
  const RequestPlan* plan_ = nullptr;
  std::optional<PlaceholderAccess> access_;
  std::optional<http::LocalReply> refusal_;
  scrub::StreamSearch search_;
  // Of the next bytes, how many belong to a placeholder that has been replaced.
  size_t replaced_ = 0;
};

}  // namespace sallyport::proxy

#endif  // SALLYPORT_PROXY_EXCHANGE_BODY_REWRITER_H_

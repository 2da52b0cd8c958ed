#ifndef SALLYPORT_PROXY_EXCHANGE_EXCHANGE_H_
#define SALLYPORT_PROXY_EXCHANGE_EXCHANGE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "proxy/exchange/body_rewriter.h"
#include "proxy/exchange/exchange_context.h"
#include "proxy/exchange/reply_scrubber.h"
#include "proxy/exchange/request_policy.h"
#include "proxy/http/local_reply.h"
#include "proxy/http/stream.h"
#include "proxy/net/timer.h"
#include "proxy/upstream/pool.h"

namespace sallyport::proxy {

class ExchangePool;

// The reply for an upstream that could not be reached.
http::LocalReply DialFailure(const rules::Authority& authority, const upstream::DialError& error);

// One request and its reply, phase by phase: match, credential, inject, forward, respond, finish.
// It knows neither the HTTP version nor TLS. Lives in a pool, and goes back to it when it is over:
// no member may be touched after Finish.
class Exchange final : private http::RequestListener,
                       private http::ReplyListener,
                       private ClientIdentity::Waiter,
                       private upstream::Pool::Waiter {
 public:
  class Owner {
   public:
    // The exchange is over and no longer the owner's to cancel.
    virtual void OnExchangeDone(Exchange* exchange) = 0;

   protected:
    ~Owner() = default;
  };

  explicit Exchange(ExchangePool* pool);
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  ~Exchange();

  // Begins. The reply may be complete, and the exchange over, when this returns.
  void Start(http::ServerStream* stream, http::RequestHead* request, Channel* channel,
             Owner* owner);
  // Refuses what is no request of its own: one that could not be read, a CONNECT.
  void Refuse(http::ServerStream* stream, http::LocalReply reply, Channel* channel, Owner* owner);
  // The client's connection ends now. Does not call the owner.
  void Cancel();

 private:
  // http::RequestListener
  void OnRequestData(std::string_view bytes) override;
  void OnRequestTrailers(const http::HeaderList& trailers) override;
  void OnRequestEnd() override;
  void OnRequestBroken(std::string_view reason) override;
  void OnResponseDrained() override;
  void OnClientGone(std::string_view reason) override;

  // http::ReplyListener
  void OnInformational(http::ResponseHead* head) override;
  void OnReplyHead(http::ResponseHead* head) override;
  void OnReplyData(std::string_view bytes) override;
  void OnReplyTrailers(const http::HeaderList& trailers) override;
  void OnReplyEnd(net::EndKind kind) override;
  void OnRequestDrained() override;
  void OnReplyError(http::StreamError error, bool nothing_received,
                    const std::string& detail) override;

  // ClientIdentity::Waiter
  void OnClientKnown() override;

  // upstream::Pool::Waiter
  void OnLeased(const upstream::Lease& lease) override;
  void OnLeaseFailed(const upstream::DialError& error) override;

  void Begin(http::ServerStream* stream, Channel* channel, Owner* owner);
  void Decide();
  void Acquire(upstream::Reuse reuse);
  // The request's head, with its body's new framing where placeholders may change that.
  void SendRequestHead();
  // Each passes the request's body on through the rewriter; false: the exchange is over.
  bool RewriteBody(std::string_view bytes);
  bool FinishBody();
  void ForwardBody(std::string_view bytes);
  // A placeholder in the body must not go to this upstream.
  void RefuseBody();
  // The upstream connection is for this client alone from now on.
  void BindUpstream();
  bool MayRetry(http::StreamError error, bool nothing_received) const;
  void SendReplyData(std::string_view bytes);
  // What the scrubber kept back of a body that is complete.
  void FlushReply();
  void Touch();
  void OnStall();
  void Reply(http::LocalReply reply);
  void AbortReply(std::string_view why);
  void ReleaseUpstream();
  void Finish();
  // At `now`, in monotonic nanoseconds.
  void Measure(uint64_t now);
  void LogAccess();
  void Audit(uint64_t now);

  ExchangePool* pool_;
  ExchangeContext* context_;
  net::Timer stall_timer_;

  http::ServerStream* stream_ = nullptr;
  http::RequestHead* request_ = nullptr;  // null for a request that could not be read
  Channel* channel_ = nullptr;
  Owner* owner_ = nullptr;
  RequestPlan plan_;
  http::ClientStream* upstream_ = nullptr;
  BodyRewriter rewriter_;
  // All of a body that is gathered before it is sent, placeholders replaced; wiped after use.
  std::string gathered_;
  ReplyScrubber scrubber_;
  ReplyScrubber::Body reply_body_ = ReplyScrubber::Body::kPassed;

  int informational_ = 0;  // 1xx replies so far
  bool waiting_ = false;   // for a lease
  bool reused_ = false;
  bool retried_ = false;
  bool head_sent_ = false;
  bool upgraded_ = false;
  bool body_sent_ = false;
  bool request_ended_ = false;
  bool reply_ended_ = false;
  bool streaming_ = false;  // the reply has begun and may pause as long as it likes

  // For the metrics and the audit log.
  uint64_t started_ns_ = 0;
  uint64_t leased_ns_ = 0;
  uint64_t request_bytes_ = 0;
  uint64_t response_bytes_ = 0;
  int status_ = 0;
  bool denied_ = false;
  std::string_view denial_;  // why; a literal
  // As the client sent them, the path without its query; kept only with an audit log.
  std::string method_;
  std::string path_;
  std::string_view protocol_;
  std::string_view upstream_protocol_;
  std::string error_;
  std::string decided_by_;
};

// The exchanges of one worker: as many as there ever were at once, used again and again.
class ExchangePool {
 public:
  explicit ExchangePool(ExchangeContext* context) : context_(context) {}

  Exchange* Take();
  void Give(Exchange* exchange);
  ExchangeContext* context() { return context_; }

 private:
  ExchangeContext* context_;
  std::vector<std::unique_ptr<Exchange>> all_;
  std::vector<Exchange*> free_;
};

}  // namespace sallyport::proxy

#endif  // SALLYPORT_PROXY_EXCHANGE_EXCHANGE_H_

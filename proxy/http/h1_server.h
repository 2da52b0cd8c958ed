#ifndef SALLYPORT_PROXY_HTTP_H1_SERVER_H_
#define SALLYPORT_PROXY_HTTP_H1_SERVER_H_

#include <memory>
#include <string>

#include "proxy/http/chunked_decoder.h"
#include "proxy/http/h1_head_parser.h"
#include "proxy/http/h1_head_writer.h"
#include "proxy/http/message_buffers.h"
#include "proxy/http/stream.h"
#include "proxy/net/timer.h"
#include "proxy/net/transport.h"

namespace sallyport::http {

// A client's HTTP/1.1 connection: reads requests one after another and writes their replies. It is
// its own ServerStream, since it serves one request at a time; pipelined ones wait, unread, in
// order.
class H1Server final : public net::Retirable,
                       private ServerStream,
                       private net::TransportListener,
                       private net::TurnTask {
 public:
  // None of these runs inside a call to the connection. Each may retire it.
  class Owner {
   public:
    // A request has begun. Either answer it through `stream` (setting a listener first), or call
    // Detach when it is a CONNECT. `head` is the callee's to edit and lives until the reply's end.
    virtual void OnRequest(ServerStream* stream, RequestHead* head) = 0;
    // A head that no request can be made of; answered with a local reply by the callee through
    // `stream`, after which the connection closes.
    virtual void OnBadRequest(ServerStream* stream, const HeadError& error) = 0;
    // The connection is over.
    virtual void OnConnectionDone() = 0;

   protected:
    ~Owner() = default;
  };

  // What an end of the client's direction means while a reply is owed.
  enum class HalfClose : uint8_t {
    kAllowed,   // plain TCP: the client may have shut down its side and still read
    kIsClosed,  // TLS clients do not do that
  };

  // `early` are bytes read from `transport` before. `context` and `owner` outlive the connection.
  H1Server(CodecContext* context, net::TransportPtr transport, std::string early,
           HalfClose half_close, Owner* owner);
  ~H1Server() override;

  // After OnRequest with a CONNECT: writes `reply` (may be empty) and gives the transport away with
  // what was read beyond the head. The connection is of no more use.
  struct Detached {
    net::TransportPtr transport;
    std::string early;
  };
  Detached Detach(std::string_view reply);

  // No further request is served: closes now if idle, after the current reply otherwise.
  void Drain();
  bool idle() const { return state_ == State::kIdle; }

  void Retire() override;
  net::EventLoop& loop() override { return *context_->loop; }

 private:
  enum class State : uint8_t {
    kIdle,      // between requests
    kHead,      // in a request's head
    kBody,      // in its body
    kReceived,  // all of the request was read; the reply is owed
    kRaw,       // after a 101
    kDiscard,   // the reply is complete, the rest of the body is not wanted
    kClosed,
  };

  // ServerStream
  void SetListener(RequestListener* listener) override { listener_ = listener; }
  void SendInformational(const ResponseHead& head) override;
  void SendHead(const ResponseHead& head) override;
  WriteResult SendBody(std::string_view bytes) override;
  void SendTrailers(const HeaderList& trailers) override;
  void EndResponse(EndKind kind) override;
  void Abort() override;
  void EndConnection() override { keep_alive_ = false; }
  void PauseRequest() override;
  void ResumeRequest() override;
  std::string_view protocol() const override {
    return request_.is_http10 ? "http/1.0" : "http/1.1";
  }

  // net::TransportListener
  void OnData(std::string_view bytes) override;
  void OnEnd(net::EndKind kind) override;
  void OnDrained() override;
  void OnError(net::TransportError error, const std::string& detail) override;

  void OnTurnEnd() override;

  void Consume(std::string_view input);
  // Each takes bytes from `input_`; false when no more can be taken now.
  bool ConsumeHead();
  bool ConsumeBody();
  void StartRequest();
  void RefuseHead(const HeadError& error);
  void BodyComplete();
  void BodyBroken();
  void FinishExchange();
  void BecomeIdle();
  void OnTimeout();
  void ClientGone(std::string_view reason);
  void CloseConnection();
  void WriteHead(const ResponseHead& head, ConnectionField connection);

  CodecContext* context_;
  net::TransportPtr transport_;
  Owner* owner_;
  RequestListener* listener_ = nullptr;
  net::Timer timer_;

  // While Consume runs: what it has not taken yet.
  std::string_view input_;
  // Bytes read and not yet understood: of a head that is incomplete, none; of a body that is
  // paused; of the next request.
  std::string pending_;
  MessageBuffersPtr buffers_;
  HeadCollector collector_;
  RequestHead request_;
  ChunkedDecoder chunked_;
  uint64_t body_remaining_ = 0;
  uint64_t discarded_ = 0;

  // The reply's side.
  BodyFraming reply_body_;
  uint64_t reply_remaining_ = 0;

  State state_ = State::kIdle;
  HalfClose half_close_;
  bool keep_alive_ = true;
  bool head_sent_ = false;
  bool reply_done_ = false;
  bool request_paused_ = false;
  bool consuming_ = false;
  bool client_ended_ = false;  // no more bytes will come
  bool draining_ = false;
  bool request_ended_ = false;  // after a 101: OnRequestEnd was told
  bool trailers_sent_ = false;
  bool done_owed_ = false;  // Owner::OnConnectionDone is due at the end of the turn
};

}  // namespace sallyport::http

#endif  // SALLYPORT_PROXY_HTTP_H1_SERVER_H_

#ifndef SALLYPORT_PROXY_HTTP_H1_CLIENT_H_
#define SALLYPORT_PROXY_HTTP_H1_CLIENT_H_

#include <memory>
#include <string>

#include "proxy/http/chunked_decoder.h"
#include "proxy/http/h1_head_parser.h"
#include "proxy/http/message_buffers.h"
#include "proxy/http/stream.h"
#include "proxy/net/transport.h"

namespace sallyport::http {

// An HTTP/1.1 connection to an upstream, used by one exchange at a time and kept by a pool between
// them. It is its own ClientStream.
class H1Client final : public net::Retirable,
                       public ClientStream,
                       private net::TransportListener,
                       private net::TurnTask {
 public:
  class Owner {
   public:
    // The stream was released. `reusable`: the connection may serve another request. Otherwise the
    // owner retires it. Also called, with false, when an idle connection ends.
    virtual void OnReleased(H1Client* connection, bool reusable) = 0;

   protected:
    ~Owner() = default;
  };

  // `context` and `owner` outlive the connection.
  H1Client(CodecContext* context, net::TransportPtr transport, Owner* owner);
  ~H1Client() override;

  // How many requests were sent on it.
  uint64_t requests() const { return requests_; }

  // ClientStream
  void SetListener(ReplyListener* listener) override { listener_ = listener; }
  void SendHead(const RequestHead& head) override;
  WriteResult SendBody(std::string_view bytes) override;
  void SendTrailers(const HeaderList& trailers) override;
  void EndRequest() override;
  void PauseReply() override;
  void ResumeReply() override;
  void Release() override;
  std::string_view protocol() const override { return "http/1.1"; }

  void Retire() override;
  net::EventLoop& loop() override { return *context_->loop; }

 private:
  enum class State : uint8_t {
    kIdle,  // no request under way; any byte from the peer is a mistake
    kHead,
    kBody,
    kDone,  // the reply is complete
    kRaw,   // after a 101
    kDead,
  };

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
  bool ReadHead();
  void ReplyComplete(EndKind kind);
  void Fail(StreamError error, const std::string& detail);
  bool Reusable() const;

  CodecContext* context_;
  net::TransportPtr transport_;
  Owner* owner_;
  ReplyListener* listener_ = nullptr;
  // While Consume runs: what it has not taken yet.
  std::string_view input_;
  // Bytes of a paused reply.
  std::string pending_;
  MessageBuffersPtr buffers_;
  HeadCollector collector_;
  ResponseHead response_;
  ChunkedDecoder chunked_;
  uint64_t body_remaining_ = 0;
  uint64_t requests_ = 0;
  // What decides whether a reply has a body.
  std::string request_method_;
  BodyKind request_body_ = BodyKind::kNone;
  State state_ = State::kIdle;
  bool upgrade_wanted_ = false;
  bool upgraded_ = false;
  bool keep_alive_ = true;
  bool request_done_ = false;
  bool trailers_sent_ = false;
  bool paused_ = false;
  bool received_ = false;  // a byte of the reply has come
  bool peer_ended_ = false;
  EndKind end_kind_ = EndKind::kClean;
};

}  // namespace sallyport::http

#endif  // SALLYPORT_PROXY_HTTP_H1_CLIENT_H_

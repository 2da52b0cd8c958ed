#ifndef SALLYPORT_PROXY_HTTP_H2_SERVER_STREAM_H_
#define SALLYPORT_PROXY_HTTP_H2_SERVER_STREAM_H_

#include <string>
#include <string_view>

#include "proxy/http/h2_server.h"
#include "proxy/http/h2_stream.h"
#include "proxy/http/stream.h"

namespace sallyport::http {

// One request of an H2Server and its reply.
//
// An extended CONNECT is given to the exchange as an HTTP/1.1 upgrade, with a Sec-WebSocket-Key of
// our making; the 101 that answers it becomes a 200 when its Sec-WebSocket-Accept is right. Only
// then does what the client has sent meanwhile go on.
class H2ServerStream final : public H2Stream, private ServerStream {
 public:
  explicit H2ServerStream(H2Server* server) : H2Stream(server), server_(server) {}

 private:
  enum class Upgrade : uint8_t { kNone, kAsked, kDone };

  // ServerStream
  void SetListener(RequestListener* listener) override { listener_ = listener; }
  void SendInformational(const ResponseHead& head) override;
  void SendHead(const ResponseHead& head) override;
  WriteResult SendBody(std::string_view bytes) override;
  void SendTrailers(const HeaderList& trailers) override;
  void EndResponse(EndKind kind) override;
  void Abort() override;
  void PauseRequest() override { Pause(); }
  void ResumeRequest() override { Resume(); }
  // HTTP/2 frames every stream on its own, so that one cannot pass for a part of another.
  void EndConnection() override {}
  std::string_view protocol() const override { return "h2"; }

  // H2Stream
  void OnHead(bool end_stream) override;
  void DeliverData(std::string_view bytes) override;
  void DeliverTrailers(const HeaderList& trailers) override;
  void DeliverEnd() override;
  void DeliverDrained() override;
  void OnClosed(uint32_t code) override;
  void OnConnectionLost(StreamError error, std::string_view reason) override;
  void OnEndSent() override;
  void OnHeadNotSent(int error) override;
  void Recycle() override;

  void AskForWebSocket();
  bool IsAccepted(const ResponseHead& head) const;
  void Submit(const ResponseHead& head, std::string_view status);
  void RefuseUpgrade(const ResponseHead& head);
  void ClientGone(std::string_view reason);

  H2Server* const server_;
  RequestListener* listener_ = nullptr;
  RequestHead request_;
  BodyFraming reply_body_;
  uint64_t reply_remaining_ = 0;
  // The Sec-WebSocket-Accept that is right.
  std::string accept_;
  Upgrade upgrade_ = Upgrade::kNone;
  bool head_sent_ = false;
  bool reply_done_ = false;
  bool end_sent_ = false;
  bool upgrade_refused_ = false;  // the listener is still to be told
};

}  // namespace sallyport::http

#endif  // SALLYPORT_PROXY_HTTP_H2_SERVER_STREAM_H_

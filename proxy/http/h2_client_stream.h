#ifndef SALLYPORT_PROXY_HTTP_H2_CLIENT_STREAM_H_
#define SALLYPORT_PROXY_HTTP_H2_CLIENT_STREAM_H_

#include <optional>
#include <string>
#include <string_view>

#include "proxy/http/h2_client.h"
#include "proxy/http/h2_stream.h"
#include "proxy/http/stream.h"

namespace sallyport::http {

// One request on an H2Client and its reply.
//
// An HTTP/1.1 upgrade to websocket goes out as an extended CONNECT (RFC 8441), and the 2xx that
// accepts it comes back as the 101 that it stands for.
class H2ClientStream final : public H2Stream, private ClientStream {
 public:
  explicit H2ClientStream(H2Client* client) : H2Stream(client), client_(client) {}

  // Lends it to a user.
  ClientStream* Begin() {
    OpenUser();
    return this;
  }

 private:
  enum class Upgrade : uint8_t { kNone, kAsked, kDone };

  // ClientStream
  void SetListener(ReplyListener* listener) override { listener_ = listener; }
  void SendHead(const RequestHead& head) override;
  WriteResult SendBody(std::string_view bytes) override { return QueueBody(bytes); }
  void SendTrailers(const HeaderList& trailers) override { QueueTrailers(trailers); }
  void EndRequest() override;
  void PauseReply() override { Pause(); }
  void ResumeReply() override { Resume(); }
  void Release() override;
  std::string_view protocol() const override { return "h2"; }

  // H2Stream
  void OnHead(bool end_stream) override;
  void DeliverData(std::string_view bytes) override;
  void DeliverTrailers(const HeaderList& trailers) override;
  void DeliverEnd() override;
  void DeliverDrained() override;
  void OnTurn() override;
  void OnClosed(uint32_t code) override;
  void OnConnectionLost(StreamError error, std::string_view reason) override;
  void OnHeadNotSent(int error) override;
  void Recycle() override;

  void SwitchProtocols();
  void Refuse(std::string_view why);
  void Fail(StreamError error, const std::string& detail);

  H2Client* const client_;
  ReplyListener* listener_ = nullptr;
  ResponseHead response_;
  // The Sec-WebSocket-Key that the user sent.
  std::string key_;
  // What is wrong with the reply, where we found it.
  std::string_view refused_;
  H2Block::RequestKind request_ = H2Block::RequestKind::kOther;
  Upgrade upgrade_ = Upgrade::kNone;
  // Of the reply's content-length. nghttp2 holds it too, but not where the request was a CONNECT.
  std::optional<uint64_t> left_;
  bool received_ = false;  // a block of the reply has come
  bool unsent_ = false;    // the request never left
};

}  // namespace sallyport::http

#endif  // SALLYPORT_PROXY_HTTP_H2_CLIENT_STREAM_H_

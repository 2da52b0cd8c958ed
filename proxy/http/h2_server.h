#ifndef SALLYPORT_PROXY_HTTP_H2_SERVER_H_
#define SALLYPORT_PROXY_HTTP_H2_SERVER_H_

#include <memory>
#include <string>

#include "proxy/http/h2_connection.h"
#include "proxy/http/stream.h"

namespace sallyport::http {

class H2ServerStream;

// A client's HTTP/2 connection (RFC 9113): requests on many streams at once, each with its reply.
// What breaks the rules of one stream ends that stream alone; a head that is well-formed and still
// no request is the owner's to answer.
//
// Limits: kMaxStreams at once; CodecContext's limits for heads and for idle connections; resets and
// frames that carry nothing by rate (H2Connection), beyond which the client gets GOAWAY with
// ENHANCE_YOUR_CALM.
class H2Server final : public H2Connection {
 public:
  static constexpr uint32_t kMaxStreams = 256;

  // None of these runs inside a call to the connection or to one of its streams. Each may retire
  // the connection.
  class Owner {
   public:
    // As H1Server::Owner has them; there may be several streams at once, and `stream` names one
    // until its exchange ends it. A `head` with `upgrade` came as an extended CONNECT (RFC 8441)
    // and is answered as an upgrade: with a 101. A CONNECT without :protocol comes as such.
    virtual void OnRequest(ServerStream* stream, RequestHead* head) = 0;
    virtual void OnBadRequest(ServerStream* stream, const HeadError& error) = 0;
    // The connection is over; every stream has been told before.
    virtual void OnConnectionDone() = 0;

   protected:
    ~Owner() = default;
  };

  // `early` are bytes read from `transport` before. `context` and `owner` outlive the connection.
  H2Server(CodecContext* context, net::TransportPtr transport, std::string early, Owner* owner);

  // No further request is served: tells the client so (GOAWAY), and closes when the streams under
  // way have ended.
  void Drain() { GoAway(); }

 private:
  friend class H2ServerStream;

  std::unique_ptr<H2Stream> MakeStream() override;
  void OnOver() override { owner_->OnConnectionDone(); }

  Owner* owner_;
};

}  // namespace sallyport::http

#endif  // SALLYPORT_PROXY_HTTP_H2_SERVER_H_

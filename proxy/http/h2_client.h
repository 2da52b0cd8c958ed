#ifndef SALLYPORT_PROXY_HTTP_H2_CLIENT_H_
#define SALLYPORT_PROXY_HTTP_H2_CLIENT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "proxy/http/h2_connection.h"
#include "proxy/http/stream.h"

namespace sallyport::http {

class H2ClientStream;

// An HTTP/2 connection to an upstream (RFC 9113), shared by as many exchanges as the upstream
// allows. It sends no PING and closes itself only when the upstream ends it; keeping and closing
// idle connections is its owner's.
class H2Client final : public H2Connection {
 public:
  enum class Scheme : uint8_t { kHttp, kHttps };

  // All run at the end of a turn of the loop, outside of every call to the connection and its
  // streams, and may retire the connection.
  class Owner {
   public:
    // capacity() has become 0, or more than 0 after it was 0, be it only within this turn. After a
    // GOAWAY it stays 0; streams under way finish, but for those that the upstream has not looked
    // at, which fail with StreamError::kRefused.
    virtual void OnCapacityChanged(H2Client* connection) = 0;
    // The last stream has ended. Told each time.
    virtual void OnIdle(H2Client* connection) = 0;
    // The connection has ended, and every stream been released: the owner retires it.
    virtual void OnDead(H2Client* connection) = 0;

   protected:
    ~Owner() = default;
  };

  // `context` and `owner` outlive the connection.
  H2Client(CodecContext* context, net::TransportPtr transport, Scheme scheme, Owner* owner);

  // How many more streams the upstream would take now. Until its SETTINGS have come, as many as
  // RFC 9113 §6.5.2 recommends it to take at least.
  size_t capacity() const;
  // A stream for one request, until it is released; null where there is no capacity.
  ClientStream* OpenStream();

  // Whether the upstream's SETTINGS have come, one round trip after the beginning.
  bool settled() const { return settled_; }
  // Whether a request with `upgrade: websocket` may be sent here (RFC 8441 §3). False until
  // settled. Without it such a request needs an HTTP/1.1 connection; any other upgrade is left out,
  // as RFC 9110 §7.8 lets every recipient do.
  bool accepts_websocket() const;

  // How many requests were sent on it.
  uint64_t requests() const { return requests_; }
  bool idle() const { return streams() == 0; }

  // Says good-bye (GOAWAY), lets streams under way finish, and ends: OnDead follows.
  void Drain() { GoAway(); }

 private:
  friend class H2ClientStream;

  std::unique_ptr<H2Stream> MakeStream() override;
  void OnPeerSettings() override;
  void OnSettled() override;
  void OnOver() override { owner_->OnDead(this); }

  Owner* owner_;
  const Scheme scheme_;
  uint64_t requests_ = 0;
  bool settled_ = false;
  // What the owner knows.
  bool told_capacity_ = true;
  // Whether there has been none since then. Who asked meanwhile is waiting.
  bool had_no_capacity_ = false;
  bool told_idle_ = true;
};

}  // namespace sallyport::http

#endif  // SALLYPORT_PROXY_HTTP_H2_CLIENT_H_

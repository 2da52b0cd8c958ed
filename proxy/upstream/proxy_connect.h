#ifndef SALLYPORT_PROXY_UPSTREAM_PROXY_CONNECT_H_
#define SALLYPORT_PROXY_UPSTREAM_PROXY_CONNECT_H_

#include <chrono>
#include <string>
#include <string_view>

#include "proxy/http/h1_head_parser.h"
#include "proxy/net/timer.h"
#include "proxy/net/transport.h"
#include "proxy/upstream/upstream_proxy.h"
#include "rules/authority.h"

namespace sallyport::upstream {

// Asks an upstream proxy for a tunnel (RFC 9110 §9.3.6) over a connection to it.
class ProxyConnect final : public net::Retirable, private net::TransportListener {
 public:
  // One of these is called, once, never from inside the constructor.
  class Listener {
   public:
    // `early` are bytes that came behind the proxy's reply: the target's first ones.
    virtual void OnTunnelled(net::TransportPtr transport, std::string early) = 0;
    // `status` is the proxy's, or 0 where it gave none.
    virtual void OnTunnelRefused(int status, bool timed_out, const std::string& reason) = 0;

   protected:
    ~Listener() = default;
  };

  ProxyConnect(net::TransportPtr transport, const UpstreamProxy& proxy,
               const rules::Authority& target, std::chrono::milliseconds timeout,
               Listener* listener);
  ~ProxyConnect() override;

  void Retire() override;
  net::EventLoop& loop() override { return loop_; }

 private:
  void OnData(std::string_view bytes) override;
  void OnEnd(net::EndKind kind) override;
  void OnDrained() override {}
  void OnError(net::TransportError error, const std::string& detail) override;

  // The reply's status; 0 if the head could not be understood.
  int ReadHead();

  net::EventLoop& loop_;
  net::TransportPtr transport_;
  Listener* listener_;
  net::Timer timer_;
  http::MessageBuffers buffers_;
  http::HeadCollector collector_;
};

}  // namespace sallyport::upstream

#endif  // SALLYPORT_PROXY_UPSTREAM_PROXY_CONNECT_H_

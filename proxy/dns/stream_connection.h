#ifndef SALLYPORT_PROXY_DNS_STREAM_CONNECTION_H_
#define SALLYPORT_PROXY_DNS_STREAM_CONNECTION_H_

#include <functional>
#include <string>
#include <string_view>

#include "proxy/dns/responder.h"
#include "proxy/net/timer.h"
#include "proxy/net/transport.h"

namespace sallyport::dns {

// DNS over TCP (RFC 7766): each message after its length in two bytes. Ends when the client does,
// or when nothing has come for ten seconds.
class StreamConnection final : public net::Retirable, private net::TransportListener {
 public:
  // `responder` outlives this object. `on_over` is to retire it; it runs once.
  StreamConnection(net::TransportPtr transport, Responder* responder,
                   std::function<void(StreamConnection*)> on_over);

  void Retire() override;
  net::EventLoop& loop() override { return loop_; }

 private:
  void OnData(std::string_view bytes) override;
  void OnEnd(net::EndKind) override { Over(); }
  void OnDrained() override;
  void OnError(net::TransportError, const std::string&) override { Over(); }
  void Over() { on_over_(this); }

  net::EventLoop& loop_;
  net::TransportPtr transport_;
  Responder* responder_;
  const std::function<void(StreamConnection*)> on_over_;
  net::Timer idle_;
  // What has come of a message; shorter than one and its length.
  std::string bytes_;
};

}  // namespace sallyport::dns

#endif  // SALLYPORT_PROXY_DNS_STREAM_CONNECTION_H_

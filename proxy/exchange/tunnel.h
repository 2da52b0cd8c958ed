#ifndef SALLYPORT_PROXY_EXCHANGE_TUNNEL_H_
#define SALLYPORT_PROXY_EXCHANGE_TUNNEL_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/exchange/exchange_context.h"
#include "proxy/net/transport.h"

namespace sallyport::proxy {

// A CONNECT whose bytes pass untouched, both ways, each direction ending on its own. The client's
// first bytes are held just long enough to read a TLS ClientHello: one that names another host than
// CONNECT did would make the lists meaningless, and ends the tunnel. The upstream's bytes are never
// held, so protocols in which the server speaks first work.
class Tunnel final : public net::Retirable, private net::TurnTask {
 public:
  class Owner {
   public:
    // Both directions have ended, or broke. The owner retires the tunnel.
    virtual void OnTunnelDone(Tunnel* tunnel) = 0;

   protected:
    ~Owner() = default;
  };

  struct Side {
    net::TransportPtr transport;
    std::string early;  // bytes that were read from it already
  };
  // `context`, `channel` and `owner` outlive the tunnel.
  Tunnel(ExchangeContext* context, const Channel* channel, Side client, Side upstream,
         Owner* owner);
  ~Tunnel() override;

  // Ends it since the policy has changed: its host is not allowed any more.
  void EndAsDenied();

  void Retire() override;
  net::EventLoop& loop() override { return loop_; }

 private:
  // One end. What it reads goes to the other.
  struct End final : net::TransportListener {
    void OnData(std::string_view bytes) override { tunnel->OnData(this, bytes); }
    void OnEnd(net::EndKind kind) override { tunnel->OnEnd(this, kind); }
    void OnDrained() override { tunnel->OnDrained(this); }
    void OnShutdownDone() override { tunnel->OnShutdownDone(this); }
    void OnError(net::TransportError, const std::string& detail) override {
      tunnel->OnError(this, detail);
    }

    Tunnel* tunnel = nullptr;
    End* other = nullptr;
    net::TransportPtr transport;
    uint64_t received = 0;
    bool ended = false;    // it will send nothing more
    bool flushed = false;  // it was sent everything, and our end
  };

  void OnTurnEnd() override;
  void OnData(End* from, std::string_view bytes);
  void OnEnd(End* from, net::EndKind kind);
  void OnDrained(End* end);
  void OnShutdownDone(End* end);
  void OnError(End* from, const std::string& detail);

  // Looks at the client's first bytes; true once they may pass.
  bool Admit(std::string_view bytes);
  void Pass(End* from, std::string_view bytes);
  // `error` is empty for an ordinary end.
  void Finish(std::string_view error);

  ExchangeContext* context_;
  const Channel* channel_;
  net::EventLoop& loop_;
  Owner* owner_;
  End client_;
  End upstream_;
  // The client's first bytes while they are being looked at.
  std::string held_;
  std::string upstream_early_;
  bool admitted_ = false;
  bool done_ = false;
  uint64_t started_ms_;
};

}  // namespace sallyport::proxy

#endif  // SALLYPORT_PROXY_EXCHANGE_TUNNEL_H_

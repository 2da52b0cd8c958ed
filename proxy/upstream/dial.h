#ifndef SALLYPORT_PROXY_UPSTREAM_DIAL_H_
#define SALLYPORT_PROXY_UPSTREAM_DIAL_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/ip_address.h"
#include "proxy/metrics/worker_metrics.h"
#include "proxy/net/connector.h"
#include "proxy/net/resolver.h"
#include "proxy/net/transport.h"
#include "proxy/tls/client_context.h"
#include "proxy/tls/tls_transport.h"
#include "rules/authority.h"
#include "rules/rule_set.h"

namespace sallyport::upstream {

// Which addresses may be dialled for one request: the rules in force when it began, and what they
// said of its host.
struct AddressGate {
  std::shared_ptr<const rules::RuleSet> rules;
  rules::HostDecision decision;
};

enum class DialErrorKind : uint8_t {
  kDns,
  kAddressDenied,
  kUnreachable,
  kTimeout,
  kTls,
};

struct DialError {
  DialErrorKind kind = DialErrorKind::kUnreachable;
  // For the error reply and the log.
  std::string message;
  // For kAddressDenied: the list entry that refused.
  std::string by;
  // What to change; empty where the kind alone says it.
  std::string hint;
};

// The operator's word that HOST:PORT is reached at another place (--connect-to).
struct ConnectOverride {
  std::string host;
  uint16_t port = 0;
  rules::Host target;
  uint16_t target_port = 0;
};

// What dialling needs and all dials of a worker share. Outlives them.
struct DialContext {
  net::EventLoop* loop = nullptr;
  net::Resolver* resolver = nullptr;
  tls::ClientContext* tls = nullptr;
  metrics::WorkerMetrics* metrics = nullptr;
  const std::vector<ConnectOverride>* overrides = nullptr;
  // The proxy's own listening sockets: never dialled.
  const std::vector<std::pair<IpAddress, uint16_t>>* own_endpoints = nullptr;
  std::chrono::milliseconds connect_timeout = std::chrono::seconds(10);
  std::chrono::milliseconds handshake_timeout = std::chrono::seconds(10);
};

// Makes one connection to an upstream: resolve, judge every address, connect, and for TLS verify.
// Only an address that was judged is dialled, and it is resolved once.
class Dial final : public net::Retirable,
                   private net::Resolver::Listener,
                   private net::Connector::Listener,
                   private tls::TlsTransport::HandshakeListener,
                   private net::TransportListener,
                   private net::TurnTask {
 public:
  class Listener {
   public:
    // The transport's listener must be set at once. The dial is done with.
    virtual void OnDialed(Dial* dial, net::TransportPtr transport, const IpAddress& address) = 0;
    virtual void OnDialFailed(Dial* dial, const DialError& error) = 0;

   protected:
    ~Listener() = default;
  };

  // With a `slot`, TLS to `authority.host` on top, resuming the slot's session; without, plain. The
  // listener is called once, never from inside the constructor, and may retire the dial.
  Dial(const DialContext* context, const rules::Authority& authority, AddressGate gate,
       tls::SessionSlot* slot, Listener* listener);
  ~Dial() override;

  void Retire() override;
  net::EventLoop& loop() override { return *context_->loop; }

 private:
  void Begin();
  void OnResolved(const absl::StatusOr<std::vector<IpAddress>>& addresses) override;
  void OnConnected(net::TransportPtr transport, const IpAddress& address) override;
  void OnConnectFailed(bool timed_out, const std::string& reason) override;
  void OnHandshakeDone(tls::TlsTransport* transport) override;
  void OnData(std::string_view) override {}
  void OnEnd(net::EndKind) override;
  void OnDrained() override {}
  void OnError(net::TransportError error, const std::string& detail) override;
  void OnTurnEnd() override { Begin(); }

  bool IsOwnEndpoint(const IpAddress& address, uint16_t port) const;
  void Connect(std::vector<IpAddress> addresses);
  void Fail(DialError error);

  const DialContext* context_;
  rules::Authority authority_;
  AddressGate gate_;
  tls::SessionSlot* slot_;
  Listener* listener_;
  // Where to: the authority's, unless overridden.
  rules::Host target_;
  uint16_t target_port_;
  bool overridden_ = false;
  IpAddress address_;
  net::RetirePtr<net::Connector> connector_;
  net::RetirePtr<tls::TlsTransport> handshaking_;
};

}  // namespace sallyport::upstream

#endif  // SALLYPORT_PROXY_UPSTREAM_DIAL_H_

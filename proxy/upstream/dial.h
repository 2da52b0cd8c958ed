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
#include "proxy/upstream/proxy_connect.h"
#include "proxy/upstream/upstream_proxy.h"
#include "rules/authority.h"
#include "rules/policy.h"
#include "rules/rule_set.h"

namespace sallyport::upstream {

// Which addresses may be dialled for one request: the rules and the policy in force when it began,
// and what they said of it.
struct AddressGate {
  std::shared_ptr<const rules::RuleSet> rules;
  rules::HostDecision decision;
  // Null: there is none.
  std::shared_ptr<const rules::Policy> policy = nullptr;
  // The policy's endpoints that let the request pass.
  rules::EndpointIndexes endpoints = {};

  rules::AddressDecision Judge(const IpAddress& address) const;
  // The policy says which addresses the name has to resolve into, so one has to be known.
  bool NeedsAddress() const;
  // Whether `other` says of every address what this one says.
  bool JudgesAs(const AddressGate& other) const {
    return rules == other.rules && policy == other.policy && endpoints == other.endpoints;
  }
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
  // Null: upstreams are dialled directly.
  const UpstreamProxy* proxy = nullptr;
  // Of TLS to that proxy. Set where `proxy` is.
  tls::SessionSlot* proxy_session = nullptr;
  std::chrono::milliseconds connect_timeout = std::chrono::seconds(10);
  std::chrono::milliseconds handshake_timeout = std::chrono::seconds(10);
};

enum class DialFor : uint8_t {
  kHttp,  // requests in plain text
  kTls,   // TLS to the authority's host, HTTP/2 or HTTP/1.1 inside
  kTlsHttp1,
  kTunnel,  // bytes of which nothing is known
};

// Whether an address that `authority` was reached at is judged by the rules: not the operator's own
// word (an override), nor what an upstream proxy resolves.
bool IsJudged(const DialContext& context, const rules::Authority& authority);

// Makes one connection to an upstream: resolve, judge every address, connect, and for TLS verify.
// Only an address that was judged is dialled, and it is resolved once. Where there is an upstream
// proxy, that is dialled instead and asked for a tunnel, except for plain HTTP, which it forwards;
// it resolves names itself, so that only address literals can be judged here.
class Dial final : public net::Retirable,
                   private net::Resolver::Listener,
                   private net::Connector::Listener,
                   private ProxyConnect::Listener,
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

  // `slot` is for TLS: its session is resumed. The listener is called once, never from inside the
  // constructor, and may retire the dial.
  Dial(const DialContext* context, const rules::Authority& authority, AddressGate gate,
       DialFor purpose, tls::SessionSlot* slot, Listener* listener);
  ~Dial() override;

  // Once dialled. Bytes that the upstream sent before anybody was there to read them.
  std::string TakeEarly() { return std::move(early_); }
  // Once dialled: whether TLS, and HTTP/2 inside of it, is spoken.
  bool tls() const { return purpose_ == DialFor::kTls || purpose_ == DialFor::kTlsHttp1; }
  bool http2() const { return http2_; }
  // Once dialled: the proxy that requests must be written for, in absolute form; null: none.
  const UpstreamProxy* forwarding_proxy() const {
    return purpose_ == DialFor::kHttp ? proxy_ : nullptr;
  }

  void Retire() override;
  net::EventLoop& loop() override { return *context_->loop; }

 private:
  void Begin();
  void OnResolved(const absl::StatusOr<std::vector<IpAddress>>& addresses) override;
  void OnConnected(net::TransportPtr transport, const IpAddress& address) override;
  void OnConnectFailed(bool timed_out, const std::string& reason) override;
  void OnTunnelled(net::TransportPtr transport, std::string early) override;
  void OnTunnelRefused(int status, bool timed_out, const std::string& reason) override;
  void OnHandshakeDone(tls::TlsTransport* transport) override;
  void OnData(std::string_view) override {}
  void OnEnd(net::EndKind) override;
  void OnDrained() override {}
  void OnError(net::TransportError error, const std::string& detail) override;
  void OnTurnEnd() override { Begin(); }

  bool IsOwnEndpoint(const IpAddress& address, uint16_t port) const;
  // The addresses that may be dialled; if none, says so to the listener.
  std::vector<IpAddress> Judge(const std::vector<IpAddress>& addresses, uint16_t port);
  void Handshake(net::TransportPtr transport, const rules::Host& host, tls::SessionSlot* slot,
                 tls::ClientContext::Offer offer);
  void OnProxyReached(net::TransportPtr transport);
  void Done(net::TransportPtr transport);
  void Fail(const DialError& error);

  const DialContext* context_;
  rules::Authority authority_;
  AddressGate gate_;
  DialFor purpose_;
  tls::SessionSlot* slot_;
  Listener* listener_;
  // Where to: the authority's, unless overridden.
  rules::Host target_;
  uint16_t target_port_;
  bool overridden_ = false;
  const UpstreamProxy* proxy_ = nullptr;  // set where it goes through one
  IpAddress address_;
  net::RetirePtr<net::Connector> connector_;
  net::RetirePtr<ProxyConnect> proxy_connect_;
  net::RetirePtr<tls::TlsTransport> handshaking_;
  bool handshaking_with_proxy_ = false;
  bool http2_ = false;
  std::string early_;
};

}  // namespace sallyport::upstream

#endif  // SALLYPORT_PROXY_UPSTREAM_DIAL_H_

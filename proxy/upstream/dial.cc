#include "proxy/upstream/dial.h"

#include <fmt/core.h>
#include <ifaddrs.h>

#include <algorithm>

#include "base/status.h"

namespace sallyport::upstream {
namespace {

// Whether one of this machine's interfaces has the address (getifaddrs(3)).
bool IsOfThisMachine(const IpAddress& address) {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return true;  // rather refuse than guess
  bool found = address.is_v4() && address.bytes()[0] == 127;
  for (const ifaddrs* entry = list; entry != nullptr && !found; entry = entry->ifa_next) {
    if (entry->ifa_addr != nullptr) found = IpAddress::FromSockaddr(entry->ifa_addr) == address;
  }
  freeifaddrs(list);
  return found;
}

bool IsUnspecified(const IpAddress& address) {
  return std::all_of(address.bytes().begin(), address.bytes().end(),
                     [](uint8_t byte) { return byte == 0; });
}

const ConnectOverride* FindOverride(const DialContext& context, const rules::Authority& authority) {
  for (const ConnectOverride& entry : *context.overrides) {
    if (entry.host == authority.host.name && entry.port == authority.port) return &entry;
  }
  return nullptr;
}

// Where a host is, whoever resolves it: RFC 6761 §6.3 makes localhost loopback everywhere, and the
// upstream proxy's own loopback is no place for a program behind this one.
std::optional<IpAddress> KnownAddress(const rules::Host& host) {
  if (host.address.has_value()) return host.address;
  if (host.name == "localhost" || host.name.ends_with(".localhost")) {
    return IpAddress::Parse("127.0.0.1");
  }
  return std::nullopt;
}

bool GoesThroughProxy(const DialContext& context, const rules::Authority& authority) {
  return context.proxy != nullptr && !context.proxy->bypass.Contains(authority);
}

}  // namespace

rules::AddressDecision AddressGate::Judge(const IpAddress& address) const {
  const rules::AddressDecision listed = rules->JudgeAddress(address, decision);
  return policy == nullptr ? listed : policy->network.JudgeAddress(address, endpoints, listed);
}

bool AddressGate::NeedsAddress() const {
  return policy != nullptr && policy->network.RestrictsAddresses(endpoints);
}

bool IsJudged(const DialContext& context, const rules::Authority& authority) {
  if (FindOverride(context, authority) != nullptr) return false;
  return authority.host.address.has_value() || !GoesThroughProxy(context, authority);
}

Dial::Dial(const DialContext* context, const rules::Authority& authority, AddressGate gate,
           DialFor purpose, tls::SessionSlot* slot, Listener* listener)
    : context_(context),
      authority_(authority),
      gate_(std::move(gate)),
      purpose_(purpose),
      slot_(slot),
      listener_(listener),
      target_(authority.host),
      target_port_(authority.port) {
  if (const ConnectOverride* entry = FindOverride(*context, authority); entry != nullptr) {
    target_ = entry->target;
    target_port_ = entry->target_port;
    overridden_ = true;
  } else if (GoesThroughProxy(*context, authority)) {
    proxy_ = context->proxy;
  }
  context_->loop->Schedule(this);
}

Dial::~Dial() = default;

void Dial::Retire() {
  context_->loop->Cancel(this);
  context_->resolver->Cancel(this);
  listener_ = nullptr;
  connector_.reset();
  proxy_connect_.reset();
  handshaking_.reset();
}

void Dial::Begin() {
  // It would go anywhere that it is told to.
  if (context_->proxy != nullptr && authority_ == context_->proxy->authority) {
    Fail({DialErrorKind::kAddressDenied,
          fmt::format("{} is the upstream proxy", authority_.ToString()), "upstream proxy",
          "the upstream proxy is for this proxy's own use"});
    return;
  }
  if (proxy_ != nullptr) {
    const std::optional<IpAddress> known = KnownAddress(authority_.host);
    if (known.has_value() && Judge({*known}, target_port_).empty()) return;
    if (!known.has_value() && gate_.NeedsAddress()) {
      Fail({DialErrorKind::kAddressDenied,
            fmt::format("the policy says which addresses {} may have, and the upstream proxy does "
                        "not tell which it has",
                        authority_.ToString()),
            "allowed_ips", "name the host in --upstream-no-proxy, or leave allowed_ips out"});
      return;
    }
    target_ = proxy_->authority.host;
    target_port_ = proxy_->authority.port;
  }
  if (target_.address.has_value()) {
    OnResolved(std::vector<IpAddress>{*target_.address});
  } else {
    context_->resolver->Resolve(target_.name, this);
  }
}

void Dial::OnResolved(const absl::StatusOr<std::vector<IpAddress>>& addresses) {
  if (!addresses.ok()) {
    Fail({DialErrorKind::kDns, std::string(Message(addresses.status())), {}, {}});
    return;
  }
  std::vector<IpAddress> allowed = proxy_ != nullptr ? *addresses : Judge(*addresses, target_port_);
  if (allowed.empty()) return;
  connector_ = net::RetirePtr<net::Connector>(new net::Connector(
      context_->loop, std::move(allowed), target_port_, context_->connect_timeout, this));
}

std::vector<IpAddress> Dial::Judge(const std::vector<IpAddress>& addresses, uint16_t port) {
  std::vector<IpAddress> allowed;
  DialError refused;
  refused.kind = DialErrorKind::kAddressDenied;
  for (const IpAddress& address : addresses) {
    if (IsOwnEndpoint(address, port)) {
      refused.message =
          fmt::format("{} is the proxy's own listener", FormatHostPort(address.ToString(), port));
      refused.by = "own listener";
      refused.hint = "no setting allows this: a program behind the proxy must not control it";
      continue;
    }
    if (overridden_) {
      allowed.push_back(address);
      continue;
    }
    const rules::AddressDecision decision = gate_.Judge(address);
    if (decision.allowed) {
      allowed.push_back(address);
      continue;
    }
    refused.message = target_.address.has_value()
                          ? fmt::format("{} is refused by {}", address.ToString(), decision.by)
                          : fmt::format("{} resolves to {}, which is refused by {}", target_.name,
                                        address.ToString(), decision.by);
    refused.by = std::string(decision.by);
    refused.hint.clear();
  }
  if (allowed.empty()) Fail(refused);
  return allowed;
}

bool Dial::IsOwnEndpoint(const IpAddress& address, uint16_t port) const {
  const IpAddress plain = address.Unmapped();
  return std::any_of(
      context_->own_endpoints->begin(), context_->own_endpoints->end(), [&](const auto& endpoint) {
        if (endpoint.second != port) return false;
        if (endpoint.first == plain) return true;
        // Linux connects 0.0.0.0 and :: to loopback, and a wildcard listener answers on every
        // address of this machine.
        return IsUnspecified(plain) || (IsUnspecified(endpoint.first) && IsOfThisMachine(plain));
      });
}

void Dial::OnConnected(net::TransportPtr transport, const IpAddress& address) {
  connector_.reset();
  // What connections are judged by again when the rules change.
  address_ = authority_.host.address.value_or(address);
  if (proxy_ == nullptr) {
    Done(std::move(transport));
  } else if (proxy_->tls) {
    handshaking_with_proxy_ = true;
    Handshake(std::move(transport), proxy_->authority.host, context_->proxy_session,
              tls::ClientContext::Offer::kHttp1);
  } else {
    OnProxyReached(std::move(transport));
  }
}

void Dial::OnProxyReached(net::TransportPtr transport) {
  if (purpose_ == DialFor::kHttp) {
    listener_->OnDialed(this, std::move(transport), address_);
    return;
  }
  proxy_connect_ = net::RetirePtr<ProxyConnect>(
      new ProxyConnect(std::move(transport), *proxy_, authority_, context_->connect_timeout, this));
}

void Dial::OnTunnelled(net::TransportPtr transport, std::string early) {
  proxy_connect_.reset();
  early_ = std::move(early);
  Done(std::move(transport));
}

void Dial::OnTunnelRefused(int status, bool timed_out, const std::string& reason) {
  proxy_connect_.reset();
  constexpr int kProxyAuthenticationRequired = 407;
  Fail({timed_out ? DialErrorKind::kTimeout : DialErrorKind::kUnreachable,
        fmt::format("the upstream proxy {} gave no way to {}: {}", proxy_->authority.ToString(),
                    authority_.ToString(), reason),
        {},
        status == kProxyAuthenticationRequired
            ? "--upstream-proxy http://USER:PASSWORD@HOST:PORT says who this proxy is"
            : "see the upstream proxy's own log"});
}

// There are bytes to and from the target.
void Dial::Done(net::TransportPtr transport) {
  if (!tls()) {
    listener_->OnDialed(this, std::move(transport), address_);
    return;
  }
  Handshake(std::move(transport), authority_.host, slot_,
            purpose_ == DialFor::kTls ? tls::ClientContext::Offer::kHttp2AndHttp1
                                      : tls::ClientContext::Offer::kHttp1);
}

void Dial::Handshake(net::TransportPtr transport, const rules::Host& host, tls::SessionSlot* slot,
                     tls::ClientContext::Offer offer) {
  ca::SslPtr ssl = context_->tls->NewSession(host, slot, offer);
  if (ssl == nullptr) {
    Fail({DialErrorKind::kTls, fmt::format("cannot verify the name {}", host.name), {}, {}});
    return;
  }
  handshaking_ = net::RetirePtr<tls::TlsTransport>(
      new tls::TlsTransport(std::move(transport), std::move(ssl), std::exchange(early_, {}),
                            context_->handshake_timeout, this));
  handshaking_->SetListener(this);
}

void Dial::OnConnectFailed(bool timed_out, const std::string& reason) {
  connector_.reset();
  Fail({timed_out ? DialErrorKind::kTimeout : DialErrorKind::kUnreachable,
        proxy_ != nullptr ? fmt::format("cannot connect to the upstream proxy {}: {}",
                                        proxy_->authority.ToString(), reason)
                          : fmt::format("cannot connect to {}: {}", authority_.ToString(), reason),
        {},
        {}});
}

void Dial::OnHandshakeDone(tls::TlsTransport* transport) {
  if (std::exchange(handshaking_with_proxy_, false)) {
    OnProxyReached(std::move(handshaking_));
    return;
  }
  context_->metrics->upstream_handshakes.Count(transport->resumed());
  http2_ = transport->alpn() == "h2";
  listener_->OnDialed(this, std::move(handshaking_), address_);
}

void Dial::OnEnd(net::EndKind) {
  OnError(net::TransportError::kTlsHandshake, "the peer closed the connection");
}

void Dial::OnError(net::TransportError error, const std::string& detail) {
  Fail({error == net::TransportError::kTimeout ? DialErrorKind::kTimeout : DialErrorKind::kTls,
        handshaking_with_proxy_
            ? fmt::format("TLS to the upstream proxy {} failed: {}", proxy_->authority.ToString(),
                          detail)
            : fmt::format("TLS to {} failed: {}", authority_.ToString(), detail),
        {},
        {}});
}

void Dial::Fail(const DialError& error) {
  handshaking_.reset();
  listener_->OnDialFailed(this, error);
}

}  // namespace sallyport::upstream

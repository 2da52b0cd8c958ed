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

}  // namespace

Dial::Dial(const DialContext* context, const rules::Authority& authority, AddressGate gate,
           tls::SessionSlot* slot, Listener* listener)
    : context_(context),
      authority_(authority),
      gate_(std::move(gate)),
      slot_(slot),
      listener_(listener),
      target_(authority.host),
      target_port_(authority.port) {
  for (const ConnectOverride& entry : *context_->overrides) {
    if (entry.host != authority.host.name || entry.port != authority.port) continue;
    target_ = entry.target;
    target_port_ = entry.target_port;
    overridden_ = true;
    break;
  }
  context_->loop->Schedule(this);
}

Dial::~Dial() = default;

void Dial::Retire() {
  context_->loop->Cancel(this);
  context_->resolver->Cancel(this);
  listener_ = nullptr;
  connector_.reset();
  handshaking_.reset();
}

void Dial::Begin() {
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
  std::vector<IpAddress> allowed;
  DialError refused;
  refused.kind = DialErrorKind::kAddressDenied;
  for (const IpAddress& address : *addresses) {
    if (IsOwnEndpoint(address, target_port_)) {
      refused.message = fmt::format("{} is the proxy's own listener",
                                    FormatHostPort(address.ToString(), target_port_));
      refused.by = "own listener";
      refused.hint = "no setting allows this: a program behind the proxy must not control it";
      continue;
    }
    if (overridden_) {
      allowed.push_back(address);
      continue;
    }
    const rules::AddressDecision decision = gate_.rules->JudgeAddress(address, gate_.decision);
    if (decision.allowed) {
      allowed.push_back(address);
    } else {
      refused.message = target_.address.has_value()
                            ? fmt::format("{} is refused by {}", address.ToString(), decision.by)
                            : fmt::format("{} resolves to {}, which is refused by {}", target_.name,
                                          address.ToString(), decision.by);
      refused.by = std::string(decision.by);
      refused.hint.clear();
    }
  }
  if (allowed.empty()) {
    Fail(std::move(refused));
    return;
  }
  Connect(std::move(allowed));
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

void Dial::Connect(std::vector<IpAddress> addresses) {
  connector_ = net::RetirePtr<net::Connector>(new net::Connector(
      context_->loop, std::move(addresses), target_port_, context_->connect_timeout, this));
}

void Dial::OnConnected(net::TransportPtr transport, const IpAddress& address) {
  connector_.reset();
  address_ = address;
  if (slot_ == nullptr) {
    listener_->OnDialed(this, std::move(transport), address_);
    return;
  }
  ca::SslPtr ssl = context_->tls->NewSession(authority_.host, slot_);
  if (ssl == nullptr) {
    Fail({DialErrorKind::kTls,
          fmt::format("cannot verify the name {}", authority_.host.name),
          {},
          {}});
    return;
  }
  handshaking_ = net::RetirePtr<tls::TlsTransport>(new tls::TlsTransport(
      std::move(transport), std::move(ssl), {}, context_->handshake_timeout, this));
  handshaking_->SetListener(this);
}

void Dial::OnConnectFailed(bool timed_out, const std::string& reason) {
  connector_.reset();
  Fail({timed_out ? DialErrorKind::kTimeout : DialErrorKind::kUnreachable,
        fmt::format("cannot connect to {}: {}", authority_.ToString(), reason),
        {},
        {}});
}

void Dial::OnHandshakeDone(tls::TlsTransport* transport) {
  context_->metrics->upstream_handshakes.Count(transport->resumed());
  listener_->OnDialed(this, std::move(handshaking_), address_);
}

void Dial::OnEnd(net::EndKind) {
  OnError(net::TransportError::kTlsHandshake, "the peer closed the connection");
}

void Dial::OnError(net::TransportError error, const std::string& detail) {
  Fail({error == net::TransportError::kTimeout ? DialErrorKind::kTimeout : DialErrorKind::kTls,
        fmt::format("TLS to {} failed: {}", authority_.ToString(), detail),
        {},
        {}});
}

void Dial::Fail(DialError error) {
  handshaking_.reset();
  listener_->OnDialFailed(this, error);
}

}  // namespace sallyport::upstream

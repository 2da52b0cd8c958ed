#include "proxy/server/client_connection.h"

#include <fmt/core.h>

#include <utility>

#include "base/log.h"
#include "base/status.h"

namespace sallyport::proxy {
namespace {

using http::LocalReply;
using http::ReplyCode;

constexpr std::string_view kEstablished = "HTTP/1.1 200 Connection established\r\n\r\n";
// RFC 8446 §5.1: the content type of handshake records.
constexpr char kTlsHandshake = 0x16;

bool IsUpperCaseLetter(char c) { return c >= 'A' && c <= 'Z'; }

}  // namespace

ClientConnection::ClientConnection(ConnectionContext* context, net::TransportPtr transport,
                                   std::string peer, Owner* owner)
    : context_(context), loop_(transport->loop()), owner_(owner) {
  channel_.client = std::move(peer);
  http_ = net::RetirePtr<http::H1Server>(
      new http::H1Server(context_->exchange->codec, std::move(transport), {},
                         http::H1Server::HalfClose::kAllowed, this));
}

ClientConnection::~ClientConnection() = default;

void ClientConnection::Retire() {
  over_ = true;
  if (exchange_ != nullptr) std::exchange(exchange_, nullptr)->Cancel();
  sniff_timer_.reset();
  dial_.reset();
  tunnel_.reset();
  handshaking_.reset();
  sniffing_.reset();
  http_.reset();
}

void ClientConnection::Drain() {
  if (http_ != nullptr) http_->Drain();
  if (sniffing_ != nullptr || handshaking_ != nullptr) Over();
}

void ClientConnection::Over() {
  if (!std::exchange(over_, true)) owner_->OnConnectionOver(this);
}

// ---- Requests

void ClientConnection::OnRequest(http::ServerStream* stream, http::RequestHead* head) {
  if (head->method == "CONNECT" && !channel_.authority.has_value()) {
    OnConnect(stream, *head);
    return;
  }
  exchange_ = context_->exchanges->Take();
  exchange_->Start(stream, head, &channel_, this);
}

void ClientConnection::OnBadRequest(http::ServerStream* stream, const http::HeadError& error) {
  Refuse(stream, {error.too_large ? ReplyCode::kHeaderTooLarge : ReplyCode::kBadRequest,
                  std::string(error.message),
                  {},
                  {},
                  {}});
}

void ClientConnection::Refuse(http::ServerStream* stream, LocalReply reply) {
  exchange_ = context_->exchanges->Take();
  exchange_->Refuse(stream, std::move(reply), &channel_, this);
}

void ClientConnection::OnExchangeDone(Exchange*) { exchange_ = nullptr; }

void ClientConnection::OnConnectionDone() { Over(); }

// ---- CONNECT

void ClientConnection::OnConnect(http::ServerStream* stream, const http::RequestHead& head) {
  absl::StatusOr<rules::Authority> authority = rules::ParseAuthority(head.authority, std::nullopt);
  if (!authority.ok()) {
    Refuse(stream,
           {ReplyCode::kBadRequest,
            fmt::format("CONNECT names no valid host and port: {}", Message(authority.status())),
            {},
            {},
            {}});
    return;
  }
  if (head.body.kind != http::BodyKind::kNone) {
    Refuse(stream, {ReplyCode::kBadRequest, "CONNECT with a body", {}, {}, {}});
    return;
  }
  if (context_->exchange->shutting_down) {
    Refuse(stream, {ReplyCode::kShuttingDown, "the proxy is shutting down", {}, {}, {}});
    return;
  }
  channel_.authority = *std::move(authority);
  channel_.decided_by = context_->exchange->snapshot;
  const rules::RuleSet& rules = *channel_.decided_by->rules;
  channel_.decision = rules.DecideHost(*channel_.authority);
  channel_.candidates.clear();
  rules.FindRules(*channel_.authority, &channel_.candidates);
  if (!channel_.decision.allowed) {
    LocalReply reply = HostDenied(*channel_.authority, channel_.decision.by);
    Refuse(stream, std::move(reply));
    // A refused CONNECT may be followed by another request on the same connection.
    if (!over_) channel_.authority.reset();
    return;
  }
  if (channel_.decision.intercept) {
    BeginIntercept();
    return;
  }
  connect_stream_ = stream;
  stream->SetListener(this);
  dial_ = net::RetirePtr<upstream::Dial>(
      new upstream::Dial(context_->exchange->dial, *channel_.authority,
                         {channel_.decided_by->rules, channel_.decision}, nullptr, this));
}

void ClientConnection::OnDialed(upstream::Dial*, net::TransportPtr transport, const IpAddress&) {
  dial_.reset();
  connect_stream_ = nullptr;
  http::H1Server::Detached client = http_->Detach(kEstablished);
  http_.reset();
  tunnel_ =
      net::RetirePtr<Tunnel>(new Tunnel(context_->exchange, &channel_, std::move(client.transport),
                                        std::move(client.early), std::move(transport), this));
}

void ClientConnection::OnDialFailed(upstream::Dial*, const upstream::DialError& error) {
  dial_.reset();
  Refuse(std::exchange(connect_stream_, nullptr), DialFailure(*channel_.authority, error));
  if (!over_) channel_.authority.reset();
}

void ClientConnection::OnClientGone(std::string_view) {
  connect_stream_ = nullptr;
  dial_.reset();
}

void ClientConnection::OnTunnelDone(Tunnel*) { Over(); }

// ---- Inside an intercepted CONNECT

void ClientConnection::BeginIntercept() {
  http::H1Server::Detached client = http_->Detach(kEstablished);
  http_.reset();
  sniffing_ = std::move(client.transport);
  sniffing_->SetListener(this);
  sniffed_ = std::move(client.early);
  if (!sniffed_.empty()) {
    SniffInner();
    return;
  }
  sniff_timer_ = std::make_unique<net::Timer>(&loop_, [this] { Over(); });
  sniff_timer_->Start(context_->exchange->codec->limits.head_timeout);
}

void ClientConnection::OnData(std::string_view bytes) {
  if (sniffing_ == nullptr) return;
  sniffed_.assign(bytes);
  SniffInner();
}

void ClientConnection::SniffInner() {
  sniff_timer_.reset();
  const char first = sniffed_.front();
  if (first == kTlsHandshake) {
    ca::SslPtr ssl = context_->tls->NewSession(&channel_.authority->host);
    if (ssl == nullptr) {
      Over();
      return;
    }
    handshaking_ = net::RetirePtr<tls::TlsTransport>(
        new tls::TlsTransport(std::move(sniffing_), std::move(ssl), std::exchange(sniffed_, {}),
                              context_->handshake_timeout, this));
    handshaking_->SetListener(this);
    return;
  }
  if (IsUpperCaseLetter(first)) {
    ServeInner(std::move(sniffing_), std::exchange(sniffed_, {}),
               http::H1Server::HalfClose::kAllowed);
    return;
  }
  log::Debug("proxy", "neither TLS nor HTTP inside an intercepted CONNECT; closed",
             {{"host", channel_.authority->host.name}});
  Over();
}

void ClientConnection::OnHandshakeDone(tls::TlsTransport*) {
  channel_.tls = true;
  ServeInner(std::move(handshaking_), {}, http::H1Server::HalfClose::kIsClosed);
}

void ClientConnection::ServeInner(net::TransportPtr transport, std::string early,
                                  http::H1Server::HalfClose half_close) {
  http_ = net::RetirePtr<http::H1Server>(new http::H1Server(
      context_->exchange->codec, std::move(transport), std::move(early), half_close, this));
  if (context_->exchange->shutting_down) http_->Drain();
}

void ClientConnection::OnEnd(net::EndKind) { Over(); }

void ClientConnection::OnError(net::TransportError, const std::string& detail) {
  if (handshaking_ != nullptr) AuditHandshakeFailure(detail);
  Over();
}

void ClientConnection::AuditHandshakeFailure(const std::string& detail) {
  log::Debug("proxy", "TLS handshake with a client failed",
             {{"host", channel_.authority->host.name}, {"reason", detail}});
  if (context_->exchange->audit == nullptr) return;
  audit::AuditRecord& record = context_->exchange->record;
  record.Clear();
  record.event = audit::AuditEvent::kDenied;
  record.client = channel_.client;
  record.method = "CONNECT";
  record.scheme = "https";
  record.host = channel_.authority->host.name;
  record.port = channel_.authority->port;
  record.decision = "denied";
  record.error = "client_tls";
  context_->exchange->audit->Record(std::move(record));
}

}  // namespace sallyport::proxy

#include "proxy/server/client_connection.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/status.h"
#include "proxy/net/lingering_close.h"
#include "proxy/tls/client_hello.h"

namespace sallyport::proxy {
namespace {

using http::LocalReply;
using http::ReplyCode;

constexpr std::string_view kEstablished = "HTTP/1.1 200 Connection established\r\n\r\n";
// RFC 8446 §5.1: the content type of handshake records.
constexpr char kTlsHandshake = 0x16;
using rules::kHttpPort;
using rules::kHttpsPort;

bool IsUpperCaseLetter(char c) { return c >= 'A' && c <= 'Z'; }

socks::ReplyCode SocksReply(ReplyCode code) {
  switch (code) {
    case ReplyCode::kHostDenied:
    case ReplyCode::kAddressDenied:
      return socks::ReplyCode::kNotAllowed;
    case ReplyCode::kDnsFailure:
      return socks::ReplyCode::kHostUnreachable;
    case ReplyCode::kUpstreamUnreachable:
      return socks::ReplyCode::kConnectionRefused;
    case ReplyCode::kUpstreamTimeout:
      return socks::ReplyCode::kTtlExpired;
    default:
      return socks::ReplyCode::kGeneralFailure;
  }
}

}  // namespace

ClientConnection::ClientConnection(ConnectionContext* context, net::TransportPtr transport,
                                   std::string peer, std::optional<ConnectionEnds> ends,
                                   std::optional<rules::Authority> captured, Owner* owner)
    : context_(context), loop_(transport->loop()), owner_(owner), captured_(std::move(captured)) {
  channel_.client = std::move(peer);
  if (ends.has_value()) channel_.identity = &identity_.emplace(context->processes, *ends);
  first_bytes_ = net::RetirePtr<FirstBytes>(new FirstBytes(
      std::move(transport), {}, context_->exchange->codec->limits.head_timeout, this));
}

ClientConnection::~ClientConnection() = default;

void ClientConnection::Retire() {
  over_ = true;
  while (!exchanges_.empty()) {
    Exchange* exchange = exchanges_.back();
    exchanges_.pop_back();
    exchange->Cancel();
  }
  if (identity_.has_value()) identity_->Cancel(this);
  if (channel_.has_bound_upstream) context_->exchange->pool->Unbind(&channel_);
  dial_.reset();
  tunnel_.reset();
  handshaking_.reset();
  first_bytes_.reset();
  http1_.reset();
  http2_.reset();
}

void ClientConnection::Drain() {
  if (http1_ != nullptr) http1_->Drain();
  if (http2_ != nullptr) http2_->Drain();
  if (first_bytes_ != nullptr || handshaking_ != nullptr) Over();
}

void ClientConnection::OnSnapshotChanged() {
  const std::shared_ptr<const Snapshot>& snapshot = context_->exchange->snapshot;
  if (tunnel_ == nullptr || channel_.decided_by->policy == snapshot->policy) return;
  JudgeTunnel();
}

void ClientConnection::JudgeTunnel() {
  const bool refused = DecideOpening(context_->exchange->snapshot, &channel_).has_value();
  if (refused && WantsIdentity(channel_.network, channel_)) {
    identity_->Cancel(this);
    identity_->Await(this);
    return;
  }
  // What has to be judged from now on cannot be read there.
  if (refused || channel_.network.enforces) tunnel_->EndAsDenied();
}

void ClientConnection::OnClientKnown() {
  if (tunnel_ != nullptr) {
    JudgeTunnel();
  } else if (std::exchange(identifying_, false)) {
    DecideWay();
  }
}

void ClientConnection::Over() {
  if (!std::exchange(over_, true)) owner_->OnConnectionOver(this);
}

// ---- The beginning

void ClientConnection::Begin() {
  if (!captured_.has_value()) return;
  const uint16_t port = captured_->port;
  // On other ports the server may be the one that speaks first.
  if (port != kHttpPort && port != kHttpsPort) Open(*captured_);
}

void ClientConnection::OnFirstBytes(std::string_view bytes) {
  if (is_opening()) return;
  if (channel_.authority.has_value()) {
    SniffInner(bytes.front());
  } else if (captured_.has_value()) {
    ReadCaptured(bytes);
  } else if (socks_ != nullptr || bytes.front() == socks::kVersion) {
    ContinueSocks(bytes);
  } else if (bytes.front() == kTlsHandshake) {
    ReadCapturedHello(bytes);
  } else {
    ServePlainHttp();
  }
}

void ClientConnection::ReadCaptured(std::string_view bytes) {
  if (bytes.front() == kTlsHandshake) {
    ReadCapturedHello(bytes);
  } else if (captured_->port == kHttpPort && IsUpperCaseLetter(bytes.front())) {
    channel_.captured = captured_;
    ServePlainHttp();
  } else {
    Open(*captured_);
  }
}

void ClientConnection::ContinueSocks(std::string_view bytes) {
  if (socks_ == nullptr) socks_ = std::make_unique<socks::Socks5Opening>();
  std::string_view rest = bytes;
  std::string output;
  const socks::Socks5Opening::Status status = socks_->Consume(&rest, &output);
  if (!output.empty()) first_bytes_->Write(output);
  first_bytes_->Skip(bytes.size() - rest.size());
  switch (status) {
    case socks::Socks5Opening::Status::kNeedMore:
      return;
    case socks::Socks5Opening::Status::kRequest:
      Open(socks_->target());
      return;
    case socks::Socks5Opening::Status::kFailed:
      log::Debug("proxy", "a SOCKS client was refused", {{"reason", socks_->error()}});
      net::LingeringClose(first_bytes_->Take().transport);
      Over();
      return;
  }
}

// TLS that was not asked to come here: somebody led the program's connection to this listener. The
// ClientHello says where it was meant to go.
void ClientConnection::ReadCapturedHello(std::string_view bytes) {
  const tls::ClientHelloPeek peek = tls::PeekClientHello(bytes);
  if (peek.kind == tls::ClientHelloPeek::Kind::kIncomplete) return;
  absl::StatusOr<rules::Host> host = absl::InvalidArgumentError("the ClientHello names no host");
  if (!peek.server_name.empty()) host = rules::ParseHost(peek.server_name);
  // Without a name, or with none that is valid, the address stands for one, or for itself.
  if (!host.ok() && captured_.has_value()) host = captured_->host;
  if (!host.ok()) {
    log::Debug("proxy", "captured TLS closed", {{"reason", Message(host.status())}});
    Over();
    return;
  }
  Open({*std::move(host), captured_.has_value() ? captured_->port : kHttpsPort});
}

// ---- Requests

void ClientConnection::OnRequest(http::ServerStream* stream, http::RequestHead* head) {
  if (head->method == "CONNECT" && !channel_.authority.has_value()) {
    OnConnect(stream, *head);
    return;
  }
  exchanges_.push_back(context_->exchanges->Take());
  exchanges_.back()->Start(stream, head, &channel_, this);
}

void ClientConnection::OnBadRequest(http::ServerStream* stream, const http::HeadError& error) {
  Refuse(stream, {error.too_large ? ReplyCode::kHeaderTooLarge : ReplyCode::kBadRequest,
                  std::string(error.message),
                  {},
                  {},
                  {}});
}

void ClientConnection::Refuse(http::ServerStream* stream, LocalReply reply) {
  exchanges_.push_back(context_->exchanges->Take());
  exchanges_.back()->Refuse(stream, std::move(reply), &channel_, this);
}

void ClientConnection::OnExchangeDone(Exchange* exchange) {
  *std::find(exchanges_.begin(), exchanges_.end(), exchange) = exchanges_.back();
  exchanges_.pop_back();
}

void ClientConnection::OnConnectionDone() { Over(); }

// ---- CONNECT and its like

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
  connect_stream_ = stream;
  Open(*std::move(authority));
}

void ClientConnection::Open(rules::Authority authority) {
  // A program may look a name up itself and ask for a way to the address.
  if (const std::optional<IpAddress>& address = authority.host.address; address.has_value()) {
    if (std::optional<std::string> name = context_->names->NameOf(*address)) {
      authority.host = {*std::move(name), std::nullopt};
    }
  }
  channel_.authority = std::move(authority);
  DecideWay();
}

void ClientConnection::DecideWay() {
  if (context_->exchange->shutting_down) {
    RefuseOpening({ReplyCode::kShuttingDown, "the proxy is shutting down", {}, {}, {}});
    return;
  }
  auto refused = DecideOpening(context_->exchange->snapshot, &channel_);
  identifying_ = refused.has_value() && WantsIdentity(channel_.network, channel_);
  if (refused.has_value() && !identifying_) {
    RefuseOpening(*std::move(refused));
    return;
  }
  if (!identifying_ && channel_.decision.intercept) {
    Intercept();
    return;
  }
  if (connect_stream_ != nullptr) connect_stream_->SetListener(this);
  if (first_bytes_ != nullptr) first_bytes_->Hold();
  if (identifying_) {
    identity_->Await(this);
    return;
  }
  dial_ = net::RetirePtr<upstream::Dial>(
      new upstream::Dial(context_->exchange->dial, *channel_.authority, GateOf(channel_),
                         upstream::DialFor::kTunnel, nullptr, this));
}

void ClientConnection::RefuseOpening(LocalReply reply) {
  if (connect_stream_ != nullptr) {
    Refuse(std::exchange(connect_stream_, nullptr), std::move(reply));
    // A refused CONNECT may be followed by another request on the same connection.
    if (!over_) channel_.authority.reset();
    return;
  }
  AuditFailedOpening(http::NameOf(reply.code), reply.rule, http::StatusOf(reply.code) == 403,
                     reply.tells_audit ? reply.message : std::string());
  if (socks_ != nullptr) {
    FirstBytes::Taken client = first_bytes_->Take();
    client.transport->Write(socks::EncodeReply(SocksReply(reply.code)));
    net::LingeringClose(std::move(client.transport));
  }
  Over();
}

FirstBytes::Taken ClientConnection::AcceptOpening() {
  if (http1_ != nullptr) {
    connect_stream_ = nullptr;
    http::H1Server::Detached client = http1_->Detach(kEstablished);
    http1_.reset();
    return {std::move(client.transport), std::move(client.early)};
  }
  if (socks_ != nullptr) first_bytes_->Write(socks::EncodeReply(socks::ReplyCode::kSucceeded));
  FirstBytes::Taken client = first_bytes_->Take();
  first_bytes_.reset();
  return client;
}

void ClientConnection::OnDialed(upstream::Dial* dial, net::TransportPtr transport,
                                const IpAddress&) {
  std::string upstream_early = dial->TakeEarly();
  dial_.reset();
  FirstBytes::Taken client = AcceptOpening();
  tunnel_ = net::RetirePtr<Tunnel>(new Tunnel(
      context_->exchange, &channel_, {std::move(client.transport), std::move(client.bytes)},
      {std::move(transport), std::move(upstream_early)}, this));
}

void ClientConnection::OnDialFailed(upstream::Dial*, const upstream::DialError& error) {
  dial_.reset();
  RefuseOpening(DialFailure(*channel_.authority, error));
}

void ClientConnection::OnClientGone(std::string_view) {
  connect_stream_ = nullptr;
  dial_.reset();
  if (std::exchange(identifying_, false)) identity_->Cancel(this);
}

void ClientConnection::OnTunnelDone(Tunnel*) { Over(); }

// ---- What is intercepted

void ClientConnection::Intercept() {
  const bool asked = connect_stream_ != nullptr || socks_ != nullptr;
  FirstBytes::Taken client = AcceptOpening();
  if (!asked && !client.bytes.empty() && client.bytes.front() == kTlsHandshake) {
    StartTls(std::move(client));
    return;
  }
  first_bytes_ = net::RetirePtr<FirstBytes>(
      new FirstBytes(std::move(client.transport), std::move(client.bytes),
                     context_->exchange->codec->limits.head_timeout, this));
}

void ClientConnection::SniffInner(char first) {
  const bool is_tls = first == kTlsHandshake;
  if (!is_tls && !IsUpperCaseLetter(first)) {
    log::Debug("proxy", "neither TLS nor HTTP inside an intercepted CONNECT; closed",
               {{"host", channel_.authority->host.name}});
    Over();
    return;
  }
  if (!is_tls) {
    ServePlainHttp();
    return;
  }
  FirstBytes::Taken client = first_bytes_->Take();
  first_bytes_.reset();
  StartTls(std::move(client));
}

void ClientConnection::StartTls(FirstBytes::Taken client) {
  ca::SslPtr ssl = context_->tls->NewSession(&channel_.authority->host);
  if (ssl == nullptr) {
    Over();
    return;
  }
  handshaking_ = net::RetirePtr<tls::TlsTransport>(
      new tls::TlsTransport(std::move(client.transport), std::move(ssl), std::move(client.bytes),
                            context_->handshake_timeout, this));
  handshaking_->SetListener(this);
}

void ClientConnection::OnHandshakeDone(tls::TlsTransport* transport) {
  context_->exchange->metrics->client_handshakes.Count(transport->resumed());
  channel_.tls = true;
  if (transport->alpn() == "h2") {
    ServeHttp2(std::move(handshaking_));
  } else {
    ServeHttp1(std::move(handshaking_), {}, http::H1Server::HalfClose::kIsClosed);
  }
}

// What began on `first_bytes_` is HTTP without TLS.
void ClientConnection::ServePlainHttp() {
  FirstBytes::Taken client = first_bytes_->Take();
  first_bytes_.reset();
  ServeHttp1(std::move(client.transport), std::move(client.bytes),
             http::H1Server::HalfClose::kAllowed);
}

void ClientConnection::ServeHttp1(net::TransportPtr transport, std::string early,
                                  http::H1Server::HalfClose half_close) {
  http1_ = net::RetirePtr<http::H1Server>(new http::H1Server(
      context_->exchange->codec, std::move(transport), std::move(early), half_close, this));
  if (context_->exchange->shutting_down) http1_->Drain();
}

void ClientConnection::ServeHttp2(net::TransportPtr transport) {
  http2_ = net::RetirePtr<http::H2Server>(
      new http::H2Server(context_->exchange->codec, std::move(transport), {}, this));
  if (context_->exchange->shutting_down) http2_->Drain();
}

void ClientConnection::OnEnd(net::EndKind) { Over(); }

void ClientConnection::OnError(net::TransportError, const std::string& detail) {
  if (handshaking_ != nullptr) {
    log::Debug("proxy", "TLS handshake with a client failed",
               {{"host", channel_.authority->host.name}, {"reason", detail}});
    AuditFailedOpening("client_tls", {}, true, {});
  }
  Over();
}

std::string_view ClientConnection::protocol() const {
  if (tunnel_ != nullptr) return "tunnel";
  if (http2_ != nullptr) return "h2";
  return http1_ != nullptr ? "http/1.1" : "opening";
}

// For what ends without an exchange. `error` is a literal; `why` may be empty.
void ClientConnection::AuditFailedOpening(std::string_view error, std::string_view by, bool denied,
                                          const std::string& why) {
  const std::string& host = channel_.authority->host.name;
  if (denied) {
    ++context_->exchange->metrics->denied[error];
    if (context_->exchange->snapshot->rules->log_blocked()) {
      log::Info("access", "connection refused", {{"host", host}, {"reason", error}, {"by", by}});
    }
  }
  if (context_->exchange->audit == nullptr) return;
  audit::AuditRecord& record = context_->exchange->record;
  record.Clear();
  record.event = denied ? audit::AuditEvent::kDenied : audit::AuditEvent::kTunnel;
  channel_.Describe(&record);
  record.method = "CONNECT";
  if (handshaking_ != nullptr) record.scheme = "https";
  record.host = host;
  record.port = channel_.authority->port;
  record.decision = denied ? "denied" : "allowed";
  record.by = by;
  record.error = error;
  if (!why.empty()) record.error.append(": ").append(why);
  context_->exchange->audit->Record(record);
}

}  // namespace sallyport::proxy

#include "proxy/exchange/tunnel.h"

#include <utility>

#include "base/log.h"
#include "proxy/tls/client_hello.h"

namespace sallyport::proxy {

Tunnel::Tunnel(ExchangeContext* context, const Channel* channel, Side client, Side upstream,
               Owner* owner)
    : context_(context),
      channel_(channel),
      loop_(client.transport->loop()),
      owner_(owner),
      held_(std::move(client.early)),
      upstream_early_(std::move(upstream.early)),
      started_ms_(loop_.now_ms()) {
  client_.tunnel = upstream_.tunnel = this;
  client_.other = &upstream_;
  upstream_.other = &client_;
  client_.transport = std::move(client.transport);
  upstream_.transport = std::move(upstream.transport);
  client_.transport->SetListener(&client_);
  upstream_.transport->SetListener(&upstream_);
  if (!held_.empty() || !upstream_early_.empty()) loop_.Schedule(this);
}

Tunnel::~Tunnel() = default;

void Tunnel::Retire() {
  done_ = true;
  loop_.Cancel(this);
  client_.transport.reset();
  upstream_.transport.reset();
}

void Tunnel::OnTurnEnd() {
  const std::string early = std::exchange(held_, {});
  if (!early.empty()) OnData(&client_, early);
  const std::string upstream_early = std::exchange(upstream_early_, {});
  if (!upstream_early.empty()) OnData(&upstream_, upstream_early);
}

void Tunnel::OnData(End* from, std::string_view bytes) {
  if (done_) return;
  from->received += bytes.size();
  if (from == &upstream_ || admitted_) {
    Pass(from, bytes);
    return;
  }
  held_.append(bytes);
  if (!Admit(held_)) return;
  admitted_ = true;
  const std::string first = std::exchange(held_, {});
  Pass(from, first);
}

bool Tunnel::Admit(std::string_view bytes) {
  const tls::ClientHelloPeek peek = tls::PeekClientHello(bytes);
  switch (peek.kind) {
    case tls::ClientHelloPeek::Kind::kIncomplete:
      return false;
    case tls::ClientHelloPeek::Kind::kNotTls:
      return true;
    case tls::ClientHelloPeek::Kind::kMalformed:
      Finish("malformed_client_hello");
      return false;
    case tls::ClientHelloPeek::Kind::kClientHello:
      break;
  }
  if (peek.server_name.empty()) return true;
  const absl::StatusOr<rules::Host> named = rules::ParseHost(peek.server_name);
  if (named.ok() && *named == channel_->authority->host) return true;
  log::Info("proxy", "tunnel closed: its ClientHello names another host",
            {{"host", channel_->authority->host.name}});
  Finish("sni_mismatch");
  return false;
}

void Tunnel::Pass(End* from, std::string_view bytes) {
  if (from->other->transport->Write(bytes) == net::WriteResult::kBlocked) {
    from->transport->Pause(net::PauseReason::kBackpressure);
  }
}

void Tunnel::OnDrained(End* end) {
  if (done_) return;
  end->other->transport->Resume(net::PauseReason::kBackpressure);
}

void Tunnel::OnEnd(End* from, net::EndKind kind) {
  if (done_) return;
  from->ended = true;
  // Bytes still held were never enough to judge, and are not passed on.
  from->other->transport->Shutdown(kind);
}

void Tunnel::OnShutdownDone(End* end) {
  if (done_) return;
  end->flushed = true;
  if (end->other->flushed) Finish({});
}

void Tunnel::OnError(End* from, const std::string& detail) {
  if (done_) return;
  from->other->transport->ResetOnClose();
  Finish(detail);
}

void Tunnel::EndAsDenied() {
  if (done_) return;
  client_.transport->ResetOnClose();
  upstream_.transport->ResetOnClose();
  Finish("host_denied");
}

void Tunnel::Finish(std::string_view error) {
  if (std::exchange(done_, true)) return;
  const bool denied = error == "sni_mismatch" || error == "host_denied";
  if (!denied && context_->snapshot->rules->log_allowed()) {
    log::Info("access", "tunnel",
              {{"host", channel_->authority->host.name}, {"port", channel_->authority->port}});
  }
  if (denied) ++context_->metrics->denied[error];
  if (context_->audit != nullptr) {
    audit::AuditRecord& record = context_->record;
    record.Clear();
    record.event = audit::AuditEvent::kTunnel;
    channel_->Describe(&record);
    record.method = "CONNECT";
    record.host = channel_->authority->host.name;
    record.port = channel_->authority->port;
    record.decision = denied ? "denied" : "allowed";
    record.by = channel_->decision.by;
    record.request_bytes = client_.received;
    record.response_bytes = upstream_.received;
    record.duration_ms = static_cast<double>(loop_.now_ms() - started_ms_);
    record.error = error;
    context_->audit->Record(record);
  }
  owner_->OnTunnelDone(this);
}

}  // namespace sallyport::proxy

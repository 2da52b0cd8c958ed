#include "proxy/tls/tls_transport.h"

#include <string.h>

#include <algorithm>
#include <cassert>
#include <cstring>
#include <functional>
#include <span>
#include <utility>

#include "proxy/net/lingering_close.h"

namespace sallyport::tls {
namespace {

// The largest plaintext of one record (RFC 8446 §5.1).
constexpr size_t kRecordSize = 16384;

bool IsWithin(std::string_view bytes, std::span<const char> buffer) {
  return std::greater_equal<>()(bytes.data(), buffer.data()) &&
         std::less<>()(bytes.data(), buffer.data() + buffer.size());
}

}  // namespace

TlsTransport::TlsTransport(net::TransportPtr lower, ca::SslPtr ssl, std::string early,
                           std::chrono::milliseconds handshake_timeout,
                           HandshakeListener* handshake_listener)
    : loop_(lower->loop()),
      lower_(std::move(lower)),
      session_(std::move(ssl), this),
      handshake_listener_(handshake_listener),
      handshake_timer_(std::make_unique<net::Timer>(
          &loop_,
          [this] { Fail(net::TransportError::kTimeout, "TLS handshake not done in time"); })),
      pending_(std::move(early)) {
  lower_->SetListener(this);
  handshake_timer_->Start(handshake_timeout);
  loop_.Schedule(this);  // a client speaks first, and `early` may be there
}

TlsTransport::~TlsTransport() { assert(lower_ == nullptr); }

void TlsTransport::Retire() {
  if (lower_ == nullptr) return;
  listener_ = nullptr;
  handshake_listener_ = nullptr;
  dead_ = true;
  handshake_timer_.reset();
  loop_.Cancel(this);
  if (staged_ != nullptr) {
    explicit_bzero(staged_->bytes, staged_->end);
    loop_.GiveChunk(std::move(staged_));
  }
  if (linger_) {
    net::LingeringClose(std::move(lower_));
  } else {
    lower_.reset();
  }
}

void TlsTransport::OnCiphertext(std::string_view bytes) {
  if (lower_ == nullptr) return;
  if (handshaking_) {
    held_.append(bytes);
    return;
  }
  SendHeld();
  if (lower_->Write(bytes) == net::WriteResult::kBlocked) blocked_ = true;
}

void TlsTransport::SendHeld() {
  if (held_.empty() || lower_ == nullptr) return;
  if (lower_->Write(held_) == net::WriteResult::kBlocked) blocked_ = true;
  std::string().swap(held_);
}

net::WriteResult TlsTransport::Write(std::string_view bytes) {
  if (dead_ || shut_down_) return net::WriteResult::kMore;
  while (!bytes.empty()) {
    if (staged_ == nullptr && bytes.size() >= kRecordSize && !handshaking_) {
      Encrypt(bytes.substr(0, kRecordSize));
      bytes.remove_prefix(kRecordSize);
      continue;
    }
    if (staged_ == nullptr) {
      staged_ = loop_.TakeChunk();
      loop_.Schedule(this);
    }
    const size_t size = std::min(bytes.size(), kRecordSize - staged_->end);
    std::memcpy(staged_->bytes + staged_->end, bytes.data(), size);
    staged_->end += size;
    bytes.remove_prefix(size);
    if (staged_->end == kRecordSize) FlushStaged();
  }
  return blocked_ ? net::WriteResult::kBlocked : net::WriteResult::kMore;
}

void TlsTransport::FlushStaged() {
  if (staged_ == nullptr || handshaking_) return;
  std::unique_ptr<net::Chunk> chunk = std::move(staged_);
  Encrypt({chunk->bytes, chunk->end});
  // It may have held a credential, and the chunk goes back to a pool.
  explicit_bzero(chunk->bytes, chunk->end);
  loop_.GiveChunk(std::move(chunk));
}

void TlsTransport::Encrypt(std::string_view plaintext) {
  if (dead_ || session_.Write(plaintext)) return;
  dead_ = true;
  deferred_error_ = session_.error();
  loop_.Schedule(this);
}

void TlsTransport::Shutdown(net::EndKind kind) {
  if (dead_ || shut_down_) return;
  FlushStaged();
  shut_down_ = true;
  if (kind == net::EndKind::kClean && !handshaking_) session_.SendCloseNotify();
  lower_->Shutdown(kind);
}

void TlsTransport::Pause(net::PauseReason reason) {
  paused_ |= static_cast<uint8_t>(reason);
  lower_->Pause(reason);
}

void TlsTransport::Resume(net::PauseReason reason) {
  paused_ &= static_cast<uint8_t>(~static_cast<uint8_t>(reason));
  lower_->Resume(reason);
  if (paused_ != 0) return;
  if (!pending_.empty() || session_.has_buffered_plaintext() || lower_ended_) {
    loop_.Schedule(this);
  }
}

void TlsTransport::OnData(std::string_view bytes) {
  if (end_told_ || dead_) return;
  if (pending_.empty() && !IsWithin(bytes, loop_.plaintext_buffer())) {
    session_.SetInput(bytes);
  } else {
    // Something waits already; or the bytes came out of TLS themselves, in a tunnel through a proxy
    // that is spoken to over TLS, and lie where they will be decrypted to.
    pending_.append(bytes);
    session_.SetInput(pending_);
  }
  Process();
  KeepUnread();
}

// What Process left unread moves to pending_, which the input may point into.
void TlsTransport::KeepUnread() {
  const std::string_view unread = session_.unread_input();
  if (unread.empty()) {
    // Frees the memory: most connections never need it again.
    if (!pending_.empty()) std::string().swap(pending_);
  } else {
    pending_ = std::string(unread);
  }
  session_.SetInput(pending_);
}

bool TlsTransport::ContinueHandshake() {
  const TlsSession::Status status = session_.Handshake();
  // All that a server says once it has a TLS 1.3 client's Finished are tickets (RFC 8446 §4.6.1).
  // Nobody waits for them: they save a system call, and the client being woken, by leaving with the
  // reply.
  if (status != TlsSession::Status::kOk || SSL_is_server(ssl()) != 1 ||
      SSL_version(ssl()) != TLS1_3_VERSION) {
    SendHeld();
  }
  switch (status) {
    case TlsSession::Status::kOk:
      handshaking_ = false;
      handshake_timer_.reset();
      FlushStaged();
      if (handshake_listener_ != nullptr) handshake_listener_->OnHandshakeDone(this);
      return !dead_;
    case TlsSession::Status::kWantInput:
      if (lower_ended_) Fail(net::TransportError::kTlsHandshake, "the peer closed the connection");
      return false;
    case TlsSession::Status::kEnd:
    case TlsSession::Status::kError:
      // The alert that says why has been written; let it arrive.
      linger_ = !lower_ended_;
      Fail(net::TransportError::kTlsHandshake, session_.error());
      return false;
  }
  return false;
}

void TlsTransport::Process() {
  if (dead_ || (handshaking_ && !ContinueHandshake())) return;
  while (!dead_ && paused_ == 0 && !end_told_) {
    const std::span<char> buffer = loop_.plaintext_buffer();
    const TlsSession::ReadResult result = session_.Read(buffer);
    if (result.size > 0 && listener_ != nullptr) listener_->OnData({buffer.data(), result.size});
    if (dead_) return;
    switch (result.status) {
      case TlsSession::Status::kOk:
        break;
      case TlsSession::Status::kWantInput:
        if (lower_ended_ && paused_ == 0) TellEnd(net::EndKind::kTruncated);
        return;
      case TlsSession::Status::kEnd:
        TellEnd(net::EndKind::kClean);
        return;
      case TlsSession::Status::kError:
        Fail(net::TransportError::kTlsProtocol, session_.error());
        return;
    }
  }
}

void TlsTransport::OnEnd(net::EndKind) {
  lower_ended_ = true;
  if (end_told_) return;
  session_.SetInput(pending_);
  Process();
  if (!dead_) KeepUnread();
}

void TlsTransport::TellEnd(net::EndKind kind) {
  if (std::exchange(end_told_, true)) return;
  if (listener_ != nullptr) listener_->OnEnd(kind);
}

void TlsTransport::OnDrained() {
  blocked_ = false;
  if (listener_ != nullptr) listener_->OnDrained();
}

void TlsTransport::OnShutdownDone() {
  if (listener_ != nullptr) listener_->OnShutdownDone();
}

void TlsTransport::OnError(net::TransportError error, const std::string& detail) {
  Fail(handshaking_ ? net::TransportError::kTlsHandshake : error, detail);
}

// The listener may end this transport, and with it the session that `detail` came from.
// NOLINTNEXTLINE(performance-unnecessary-value-param): hence a copy.
void TlsTransport::Fail(net::TransportError error, std::string detail) {
  if (std::exchange(dead_, true)) return;
  handshake_timer_.reset();
  if (listener_ != nullptr) listener_->OnError(error, detail);
}

void TlsTransport::OnTurnEnd() {
  if (lower_ == nullptr) return;
  if (!deferred_error_.empty()) {
    if (listener_ != nullptr) {
      listener_->OnError(net::TransportError::kTlsProtocol, std::exchange(deferred_error_, {}));
    }
    return;
  }
  FlushStaged();
  if (dead_ || end_told_) return;
  // Resumed, or just made: what is buffered waits for no socket.
  if (handshaking_ ||
      (paused_ == 0 && (!pending_.empty() || session_.has_buffered_plaintext() || lower_ended_))) {
    session_.SetInput(pending_);
    Process();
    if (lower_ != nullptr) KeepUnread();
  }
}

}  // namespace sallyport::tls

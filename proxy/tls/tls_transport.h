#ifndef SALLYPORT_PROXY_TLS_TLS_TRANSPORT_H_
#define SALLYPORT_PROXY_TLS_TLS_TRANSPORT_H_

#include <chrono>
#include <memory>
#include <string>

#include "ca/tls_compat.h"
#include "proxy/net/timer.h"
#include "proxy/net/transport.h"
#include "proxy/tls/tls_session.h"

namespace sallyport::tls {

// TLS over another transport, as a transport.
//
// Small writes are gathered as plaintext until the end of the loop's turn, so that a head and the
// first bytes of its body make one record; what fills a record is encrypted at once. A paused
// transport keeps its unread ciphertext and decrypts it on resume without waiting for the socket.
// A server's session tickets leave with the first bytes after them.
class TlsTransport final : public net::Transport,
                           private net::TransportListener,
                           private net::TurnTask,
                           private TlsSession::Sink {
 public:
  // Told of the handshake's end. Its failure is told to the TransportListener, as kTlsHandshake or
  // kTimeout.
  class HandshakeListener {
   public:
    virtual void OnHandshakeDone(TlsTransport* transport) = 0;

   protected:
    ~HandshakeListener() = default;
  };

  // Starts the handshake. `ssl` has its role set. `early` are bytes that were read from `lower`
  // before. `handshake_listener` outlives the transport.
  TlsTransport(net::TransportPtr lower, ca::SslPtr ssl, std::string early,
               std::chrono::milliseconds handshake_timeout, HandshakeListener* handshake_listener);
  ~TlsTransport() override;

  void SetListener(net::TransportListener* listener) override { listener_ = listener; }
  net::WriteResult Write(std::string_view bytes) override;
  void Shutdown(net::EndKind kind) override;
  void Pause(net::PauseReason reason) override;
  void Resume(net::PauseReason reason) override;
  bool read_ended() const override { return end_told_ || lower_->read_ended(); }
  bool dead() const override { return dead_ || lower_->dead(); }
  size_t queued_bytes() const override { return lower_->queued_bytes(); }
  void ResetOnClose() override { lower_->ResetOnClose(); }
  void Retire() override;
  net::EventLoop& loop() override { return loop_; }

  SSL* ssl() const { return session_.ssl(); }
  // Once the handshake is done: the protocol agreed on, empty if none.
  std::string_view alpn() const { return ca::NegotiatedAlpn(session_.ssl()); }
  // Once the handshake is done: whether it continued an earlier session.
  bool resumed() const { return SSL_session_reused(session_.ssl()) == 1; }

 private:
  // lower_'s callbacks.
  void OnData(std::string_view bytes) override;
  void OnEnd(net::EndKind kind) override;
  void OnDrained() override;
  void OnShutdownDone() override;
  void OnError(net::TransportError error, const std::string& detail) override;

  void OnTurnEnd() override;
  void OnCiphertext(std::string_view bytes) override;

  // Decrypts and passes on what is there, until paused or retired.
  void Process();
  bool ContinueHandshake();
  void KeepUnread();
  void SendHeld();
  void FlushStaged();
  void Encrypt(std::string_view plaintext);
  void TellEnd(net::EndKind kind);
  void Fail(net::TransportError error, std::string detail);

  net::EventLoop& loop_;
  net::TransportPtr lower_;
  TlsSession session_;
  net::TransportListener* listener_ = nullptr;
  HandshakeListener* handshake_listener_;
  // Only while the handshake lasts: an idle connection needs none.
  std::unique_ptr<net::Timer> handshake_timer_;
  // Ciphertext that arrived and was not decrypted yet.
  std::string pending_;
  // Plaintext that waits for the end of the turn.
  std::unique_ptr<net::Chunk> staged_;
  // Ciphertext of the handshake that has not been written yet.
  std::string held_;
  uint8_t paused_ = 0;
  bool handshaking_ = true;
  bool blocked_ = false;      // lower_ has too much queued
  bool lower_ended_ = false;  // FIN arrived; told once pending_ is used up
  bool end_told_ = false;
  bool shut_down_ = false;
  bool dead_ = false;
  bool linger_ = false;  // an alert is on its way: no abrupt close
  // A write that failed inside a call to us; told at the end of the turn.
  std::string deferred_error_;
};

}  // namespace sallyport::tls

#endif  // SALLYPORT_PROXY_TLS_TLS_TRANSPORT_H_

#ifndef SALLYPORT_BENCH_THROUGHPUT_LOAD_CHANNEL_H_
#define SALLYPORT_BENCH_THROUGHPUT_LOAD_CHANNEL_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "base/unique_fd.h"
#include "bench/throughput/load/route.h"
#include "bench/throughput/wire/event_loop.h"
#include "bench/throughput/wire/tls_stream.h"

namespace sallyport::bench {

// A client's way to the origin, up to the protocol that is spoken on it: TCP, CONNECT where the
// route has it, TLS. It can be opened again after its end and keeps its TLS session for that. Lives
// as long as its loop turns; its callbacks may call anything but the destructor.
class Channel : public Watcher {
 public:
  // Both outlive the channel.
  Channel(EventLoop* loop, const Route* route) : loop_(loop), route_(route) {}
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  virtual ~Channel() = default;

  // Begins to connect; OnSecured follows, or OnFailed. `number` names the host where hosts are
  // numbered.
  void Open(uint64_t number);
  void Close();

  bool is_open() const { return state_ == State::kSecured; }
  // Whether the present handshake was a short one.
  bool resumed() const { return tls_.resumed(); }

  // For the context's new-session callback.
  static int TakeSession(SSL* ssl, SSL_SESSION* session);

 protected:
  virtual void OnSecured() = 0;
  // Something can perhaps be read or written.
  virtual void OnProgress() = 0;
  // The channel is closed; `reason` says what was wrong.
  virtual void OnFailed(std::string_view reason) = 0;

  // Closes and reports.
  void Fail(std::string_view reason);
  TlsStream& tls() { return tls_; }

 private:
  enum class State { kClosed, kConnecting, kTunnel, kHandshake, kSecured };

  void OnSocketEvent() final;
  void OnConnected();
  void ReadTunnelReply();
  void StartTls();
  void Handshake();

  EventLoop* loop_;
  const Route* route_;
  State state_ = State::kClosed;
  UniqueFd socket_;
  TlsStream tls_;
  ca::SslSessionPtr session_;
  std::string host_;
  std::string tunnel_reply_;
};

}  // namespace sallyport::bench

#endif  // SALLYPORT_BENCH_THROUGHPUT_LOAD_CHANNEL_H_

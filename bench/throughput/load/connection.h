#ifndef SALLYPORT_BENCH_THROUGHPUT_LOAD_CONNECTION_H_
#define SALLYPORT_BENCH_THROUGHPUT_LOAD_CONNECTION_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "base/unique_fd.h"
#include "bench/throughput/load/exchange.h"
#include "bench/throughput/load/route.h"
#include "bench/throughput/wire/event_loop.h"
#include "bench/throughput/wire/tls_stream.h"

namespace sallyport::bench {

// One client's connection: TCP, CONNECT where the route has it, TLS, then one HTTP/1.1 request at a
// time. It can be opened again after its end and keeps its TLS session for that. Lives as long as
// its loop turns; its owner's callbacks may call anything but the destructor.
class Connection final : public Watcher {
 public:
  class Owner {
   public:
    virtual void OnOpen(Connection& connection) = 0;
    // The connection is still open unless the reply said "Connection: close".
    virtual void OnReply(Connection& connection) = 0;
    // The connection is closed; `reason` says what was wrong.
    virtual void OnFailure(Connection& connection, std::string_view reason) = 0;

   protected:
    ~Owner() = default;
  };

  // All outlive the connection. `request_head` is RequestHead(*exchange).
  Connection(EventLoop* loop, const Route* route, const Exchange* exchange,
             std::string_view request_head, Owner* owner);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Begins to connect; OnOpen follows, or OnFailure. `number` names the host where hosts are
  // numbered.
  void Open(uint64_t number);
  // Sends the exchange's request; OnReply follows, or OnFailure. Only when idle.
  void Send();
  void Close();

  bool is_open() const { return state_ == State::kIdle || state_ == State::kExchange; }
  // Whether the present connection's handshake was a short one.
  bool resumed() const { return tls_.resumed(); }

  // For the whole process's contexts.
  static int TakeSession(SSL* ssl, SSL_SESSION* session);

  // What the owner wants to remember of the request under way.
  TimePoint due{};

 private:
  enum class State { kClosed, kConnecting, kTunnel, kHandshake, kIdle, kExchange };

  void OnSocketEvent() override;
  void OnConnected();
  void ReadTunnelReply();
  void Handshake();
  void WriteRequest();
  void ReadReply();
  void Fail(std::string_view reason);
  void StartTls();

  EventLoop* loop_;
  const Route* route_;
  const Exchange* exchange_;
  std::string_view request_head_;
  Owner* owner_;

  State state_ = State::kClosed;
  UniqueFd socket_;
  TlsStream tls_;
  ca::SslSessionPtr session_;
  std::string host_;
  std::string tunnel_reply_;
  uint64_t written_ = 0;  // of the request, its head included
  ReplyReader reader_;
};

}  // namespace sallyport::bench

#endif  // SALLYPORT_BENCH_THROUGHPUT_LOAD_CONNECTION_H_

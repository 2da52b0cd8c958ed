#include "bench/throughput/load/channel.h"

#include <fmt/core.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "bench/throughput/wire/fatal.h"
#include "bench/throughput/wire/head.h"

namespace sallyport::bench {

void Channel::Open(uint64_t number) {
  host_ = route_->numbered_hosts ? fmt::format("h{}.{}", number, route_->host) : route_->host;
  socket_.Reset(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket_) FatalErrno("socket");
  const int on = 1;
  setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  state_ = State::kConnecting;
  const auto* address = reinterpret_cast<const sockaddr*>(&route_->peer);
  if (connect(socket_.get(), address, sizeof(route_->peer)) != 0 && errno != EINPROGRESS) {
    FatalErrno("connect");
  }
  loop_->Watch(socket_.get(), this);
}

void Channel::Close() {
  tls_.Close();
  socket_.Reset();
  tunnel_reply_.clear();
  state_ = State::kClosed;
}

void Channel::Fail(std::string_view reason) {
  const std::string kept(reason);
  Close();
  session_.reset();
  OnFailed(kept);
}

void Channel::OnSocketEvent() {
  switch (state_) {
    case State::kClosed:
      return;
    case State::kConnecting:
      return OnConnected();
    case State::kTunnel:
      return ReadTunnelReply();
    case State::kHandshake:
      return Handshake();
    case State::kSecured:
      return OnProgress();
  }
}

void Channel::OnConnected() {
  int error = 0;
  socklen_t length = sizeof(error);
  getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &length);
  if (error != 0) return Fail(fmt::format("connecting: {}", strerror(error)));
  tcp_info info{};
  length = sizeof(info);
  getsockopt(socket_.get(), IPPROTO_TCP, TCP_INFO, &info, &length);
  if (info.tcpi_state == TCP_SYN_SENT) return;
  if (!route_->connect) return StartTls();

  const std::string target = fmt::format("{}:{}", host_, route_->port);
  const std::string request = fmt::format("CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n\r\n", target);
  // A new socket's buffer has room for it.
  if (send(socket_.get(), request.data(), request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request.size())) {
    return Fail("cannot send CONNECT");
  }
  state_ = State::kTunnel;
}

void Channel::ReadTunnelReply() {
  // The server speaks second in TLS: nothing can follow the reply's head.
  std::array<char, 4096> buffer;
  const ssize_t got = recv(socket_.get(), buffer.data(), buffer.size(), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return Fail("no reply to CONNECT");
  tunnel_reply_.append(buffer.data(), got);
  const size_t length = HeadLength(tunnel_reply_);
  if (length == 0) return;
  if (!tunnel_reply_.starts_with("HTTP/1.1 200") && !tunnel_reply_.starts_with("HTTP/1.0 200")) {
    return Fail(fmt::format("CONNECT: {}", tunnel_reply_.substr(0, tunnel_reply_.find("\r\n"))));
  }
  if (length != tunnel_reply_.size()) return Fail("bytes after the reply to CONNECT");
  StartTls();
}

void Channel::StartTls() {
  tls_.StartClient(route_->context, socket_.get(), host_, route_->resume ? session_.get() : nullptr,
                   this);
  state_ = State::kHandshake;
  Handshake();
}

void Channel::Handshake() {
  const Io outcome = tls_.Handshake();
  if (outcome == Io::kWouldBlock) return;
  if (outcome != Io::kDone) return Fail(tls_.error());
  state_ = State::kSecured;
  OnSecured();
}

int Channel::TakeSession(SSL* ssl, SSL_SESSION* session) {
  static_cast<Channel*>(SSL_get_app_data(ssl))->session_.reset(session);
  return 1;
}

}  // namespace sallyport::bench

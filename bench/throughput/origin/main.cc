// The origin of the throughput harness: a TLS server on loopback that costs as little as it can and
// sees whether the credential arrived. Prints its port as {"port":N}, and ends with its standard
// input.

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "bench/throughput/origin/connection.h"
#include "bench/throughput/wire/fatal.h"
#include "bench/throughput/wire/tls_stream.h"

namespace sallyport::bench {
namespace {

// Accepts connections and owns them, by descriptor.
class Listener final : public Watcher {
 public:
  Listener(EventLoop* loop, SSL_CTX* context, std::string_view expected_authorization)
      : loop_(loop), context_(context), expected_authorization_(expected_authorization) {
    socket_.Reset(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address_);
    auto* address = reinterpret_cast<sockaddr*>(&address_);
    if (!socket_ || bind(socket_.get(), address, length) != 0 || listen(socket_.get(), 4096) != 0 ||
        getsockname(socket_.get(), address, &length) != 0) {
      FatalErrno("cannot listen");
    }
    loop_->Watch(socket_.get(), this);
  }

  uint16_t port() const { return ntohs(address_.sin_port); }

 private:
  void OnSocketEvent() override {
    while (true) {
      UniqueFd socket(accept4(socket_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!socket) return;
      const int on = 1;
      setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
      const size_t fd = socket.get();
      if (fd >= connections_.size()) connections_.resize(fd + 1);
      // The connection that had this descriptor has closed it. The loop may still hold an event for
      // it.
      former_.push_back(std::move(connections_[fd]));
      if (former_.size() > kFormerKept)
        former_.erase(former_.begin(), former_.end() - kFormerKept / 2);
      connections_[fd] =
          std::make_unique<OriginConnection>(std::move(socket), context_, expected_authorization_);
      loop_->Watch(connections_[fd]->fd(), connections_[fd].get());
    }
  }

  // More than a turn of the loop can have events.
  static constexpr size_t kFormerKept = 1024;

  EventLoop* loop_;
  SSL_CTX* context_;
  std::string_view expected_authorization_;
  UniqueFd socket_;
  sockaddr_in address_{};
  std::vector<std::unique_ptr<OriginConnection>> connections_;
  std::vector<std::unique_ptr<OriginConnection>> former_;
};

// Standard input: its end is this program's.
class Parent final : public Watcher {
 public:
  explicit Parent(EventLoop* loop) { loop->Watch(STDIN_FILENO, this); }
  bool gone() const { return gone_; }

 private:
  void OnSocketEvent() override {
    char byte;
    if (read(STDIN_FILENO, &byte, 1) == 0) gone_ = true;
  }
  bool gone_ = false;
};

int Main(int argc, char** argv) {
  std::string certificate_file;
  std::string key_file;
  std::string authorization;
  bool http2 = false;
  CLI::App app("A TLS origin that says whether it received the credential");
  app.add_option("--certificate", certificate_file, "Its chain, PEM")->required();
  app.add_option("--key", key_file, "PEM")->required();
  app.add_option("--authorization", authorization, "The header value that must arrive")->required();
  app.add_flag("--http2", http2, "Speak HTTP/2 with whoever offers it");
  CLI11_PARSE(app, argc, argv);

  signal(SIGPIPE, SIG_IGN);
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);

  EventLoop loop;
  const ca::SslCtxPtr context =
      MakeServerContext(certificate_file, key_file, http2 ? "h2" : "http/1.1");
  Listener listener(&loop, context.get(), authorization);
  Parent parent(&loop);
  std::printf("{\"port\":%d}\n", listener.port());
  std::fflush(stdout);
  while (!parent.gone()) loop.Turn(std::nullopt);
  return 0;
}

}  // namespace
}  // namespace sallyport::bench

int main(int argc, char** argv) { return sallyport::bench::Main(argc, argv); }

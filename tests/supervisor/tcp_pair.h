#ifndef SALLYPORT_TESTS_SUPERVISOR_TCP_PAIR_H_
#define SALLYPORT_TESTS_SUPERVISOR_TCP_PAIR_H_

#include <sys/socket.h>
#include <sys/stat.h>

#include "base/unique_fd.h"
#include "proxy/exchange/client_identity.h"
#include "proxy/net/listener.h"

namespace sallyport::supervisor {

// A TCP connection of this machine's own, both ends in this process.
struct TcpPair {
  // To a listener on `listen`, by way of `connect`.
  explicit TcpPair(const char* listen = "127.0.0.1", const char* connect = "127.0.0.1") {
    listener = *net::ListenTcp(*IpAddress::Parse(listen), 0);
    sockaddr_storage storage;
    const socklen_t size =
        IpAddress::Parse(connect)->ToSockaddr(net::LocalPort(listener.get()), &storage);
    client.Reset(socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(client.get(), reinterpret_cast<const sockaddr*>(&storage), size) == 0) {
      server.Reset(accept(listener.get(), nullptr, nullptr));
    }
  }

  proxy::ConnectionEnds ends() const {
    return {net::PeerAddress(server.get()), net::LocalAddress(server.get())};
  }
  ino_t inode() const {
    struct stat info = {};
    return fstat(client.get(), &info) == 0 ? info.st_ino : 0;
  }

  UniqueFd listener;
  UniqueFd client;
  UniqueFd server;
};

}  // namespace sallyport::supervisor

#endif  // SALLYPORT_TESTS_SUPERVISOR_TCP_PAIR_H_

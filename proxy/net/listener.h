#ifndef SALLYPORT_PROXY_NET_LISTENER_H_
#define SALLYPORT_PROXY_NET_LISTENER_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/ip_address.h"
#include "base/unique_fd.h"
#include "proxy/net/event_loop.h"
#include "proxy/net/timer.h"

namespace sallyport::net {

// Makes a listening TCP socket; port 0 takes a free one. Errors name the address and the remedy.
absl::StatusOr<UniqueFd> ListenTcp(const IpAddress& address, uint16_t port);
// Makes a listening unix socket at `path`, mode 0600. A stale socket file (nobody accepts on it) is
// replaced; anything else that is there is an error.
absl::StatusOr<UniqueFd> ListenUnix(const std::string& path);
// The address and port that a TCP socket is bound to, or, of a connection, that its peer connected
// to; plain IPv4 where the socket is of IPv6 and the address is not. 0.0.0.0:0 where there is none.
struct Endpoint {
  IpAddress address;
  uint16_t port = 0;

  std::string ToString() const { return FormatHostPort(address.ToString(), port); }
};
Endpoint LocalAddress(int fd);
// The same of a connection's other end.
Endpoint PeerAddress(int fd);
// The port alone.
uint16_t LocalPort(int fd);

// Accepts on a listening socket and hands out the connections. When descriptors run out it pauses
// and tries again 100 ms later; connections wait in the kernel's backlog.
class Listener {
 public:
  // `on_accept` gets each connection, non-blocking, with the peer's address as text ("unix" for a
  // unix socket). `socket` is shared: closed by whoever made it.
  Listener(EventLoop* loop, int socket,
           std::function<void(UniqueFd connection, std::string peer)> on_accept);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // Stops and starts accepting.
  void Pause();
  void Resume();

 private:
  struct Box;

  void OnReadable();

  int socket_;
  std::function<void(UniqueFd, std::string)> on_accept_;
  Timer retry_;
  bool paused_ = false;
  bool exhausted_ = false;  // descriptors ran out; said so once
  Box* box_;
};

}  // namespace sallyport::net

#endif  // SALLYPORT_PROXY_NET_LISTENER_H_

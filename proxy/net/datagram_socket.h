#ifndef SALLYPORT_PROXY_NET_DATAGRAM_SOCKET_H_
#define SALLYPORT_PROXY_NET_DATAGRAM_SOCKET_H_

#include <netinet/in.h>
#include <sys/socket.h>

#include <functional>
#include <string_view>

#include "proxy/net/event_loop.h"

namespace sallyport::net {

// A UDP socket that answers each datagram from the address that it was sent to, which matters where
// many addresses are this machine's. Loop's thread.
class DatagramSocket {
 public:
  // Where a datagram came from, and the address it was sent to.
  struct Path {
    sockaddr_storage peer = {};
    socklen_t peer_length = 0;
    // in_pktinfo or in6_pktinfo, as the kernel gave it (ip(7), ipv6(7)).
    alignas(cmsghdr) char local[CMSG_SPACE(sizeof(in6_pktinfo))] = {};
    size_t local_length = 0;
  };

  // `on_datagram` gets each datagram of at most 4096 bytes; longer ones are dropped. `socket`, with
  // IP_PKTINFO or IPV6_RECVPKTINFO set, belongs to whoever made it and outlives this object.
  DatagramSocket(EventLoop* loop, int socket,
                 std::function<void(std::string_view bytes, const Path& path)> on_datagram);
  ~DatagramSocket();
  DatagramSocket(const DatagramSocket&) = delete;
  DatagramSocket& operator=(const DatagramSocket&) = delete;

  // Sends back along `path`. What the kernel does not take is lost, as datagrams may be.
  void Reply(std::string_view bytes, const Path& path);

 private:
  struct Box;

  void OnReadable();

  int socket_;
  std::function<void(std::string_view, const Path&)> on_datagram_;
  Box* box_;
};

}  // namespace sallyport::net

#endif  // SALLYPORT_PROXY_NET_DATAGRAM_SOCKET_H_

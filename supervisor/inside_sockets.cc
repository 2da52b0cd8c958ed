#include "supervisor/inside_sockets.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "base/ip_address.h"
#include "base/status.h"
#include "proxy/net/listener.h"

namespace sallyport::supervisor {
namespace {

using Role = proxy::InheritedSocket::Role;

constexpr uint16_t kDnsPort = 53;

IpAddress Everywhere(bool v6) { return *IpAddress::Parse(v6 ? "::" : "0.0.0.0"); }

// <linux/in6.h> of kernel 4.15: the socket may send from addresses that no interface has. For IPv4
// the route is enough.
constexpr int kIpv6FreeBind = 78;

// Replies must come from the address that was asked, which the socket therefore tells.
absl::StatusOr<UniqueFd> BindDns(bool v6) {
  sockaddr_storage storage;
  const socklen_t length = Everywhere(v6).ToSockaddr(kDnsPort, &storage);
  UniqueFd fd(socket(storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  const int told = v6 ? setsockopt(fd.get(), IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on)) |
                            setsockopt(fd.get(), IPPROTO_IPV6, kIpv6FreeBind, &on, sizeof(on))
                      : setsockopt(fd.get(), IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
  if (!fd || told != 0 || bind(fd.get(), reinterpret_cast<sockaddr*>(&storage), length) != 0) {
    return ErrnoStatus(errno, "cannot answer DNS in the command's network");
  }
  return fd;
}

}  // namespace

absl::StatusOr<std::vector<proxy::InheritedSocket>> MakeInsideSockets(
    const std::vector<uint16_t>& captured_ports, bool v6) {
  std::vector<proxy::InheritedSocket> sockets;
  const auto add = [&sockets](Role role, UniqueFd fd) { sockets.push_back({role, std::move(fd)}); };
  ASSIGN_OR_RETURN(UniqueFd own, net::ListenTcp(*IpAddress::Parse("127.0.0.1"), 0));
  add(Role::kProxy, std::move(own));
  for (uint16_t port : captured_ports) {
    ASSIGN_OR_RETURN(UniqueFd captured, net::ListenTcp(Everywhere(v6), port));
    add(Role::kCaptured, std::move(captured));
  }
  ASSIGN_OR_RETURN(UniqueFd dns_stream, net::ListenTcp(Everywhere(v6), kDnsPort));
  add(Role::kDnsStream, std::move(dns_stream));
  ASSIGN_OR_RETURN(UniqueFd dns_datagram, BindDns(v6));
  add(Role::kDnsDatagram, std::move(dns_datagram));
  return sockets;
}

}  // namespace sallyport::supervisor

#include "supervisor/loopback_network.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "base/status.h"
#include "base/unique_fd.h"

namespace sallyport::supervisor {
namespace {

// The loopback device is the first of every network namespace.
constexpr int kLoopbackIndex = 1;

struct LinkRequest {
  nlmsghdr header;
  ifinfomsg link;
};

struct RouteRequest {
  nlmsghdr header;
  rtmsg route;
  rtattr device;  // RTA_OIF
  int device_index;
};

template <size_t kSize>
struct AddressRequest {
  nlmsghdr header;
  ifaddrmsg address;
  rtattr local;  // IFA_LOCAL
  std::array<uint8_t, kSize> bytes;
};

// 192.0.0.8, the dummy address (RFC 7600), and one of the prefix from which names have theirs.
constexpr std::array<uint8_t, 4> kOwnV4 = {192, 0, 0, 8};
constexpr std::array<uint8_t, 16> kOwnV6 = {0xfd, 0x53, 0x61, 0x6c, 0x6c, 0x79};

class RouteSocket {
 public:
  absl::Status Open() {
    fd_.Reset(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
    return fd_ ? absl::OkStatus() : ErrnoStatus(errno, "cannot talk to the kernel's routing");
  }

  // Sends one request that asks for an acknowledgement; returns its errno.
  int Do(nlmsghdr* request) {
    request->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
    sockaddr_nl kernel = {};
    kernel.nl_family = AF_NETLINK;
    if (sendto(fd_.get(), request, request->nlmsg_len, 0,
               reinterpret_cast<const sockaddr*>(&kernel), sizeof(kernel)) < 0) {
      return errno;
    }
    alignas(nlmsghdr) char reply[4096];
    const ssize_t size = recv(fd_.get(), reply, sizeof(reply), 0);
    if (size < 0) return errno;
    nlmsghdr header;
    nlmsgerr error;
    if (static_cast<size_t>(size) < NLMSG_LENGTH(sizeof(error))) return EPROTO;
    std::memcpy(&header, reply, sizeof(header));
    if (header.nlmsg_type != NLMSG_ERROR) return EPROTO;
    std::memcpy(&error, reply + NLMSG_HDRLEN, sizeof(error));
    return -error.error;
  }

 private:
  UniqueFd fd_;
};

int RaiseLoopback(RouteSocket* socket) {
  LinkRequest request = {};
  request.header.nlmsg_len = sizeof(request);
  request.header.nlmsg_type = RTM_NEWLINK;
  request.link.ifi_index = kLoopbackIndex;
  request.link.ifi_flags = IFF_UP;
  request.link.ifi_change = IFF_UP;
  return socket->Do(&request.header);
}

template <size_t kSize>
int AddAddress(RouteSocket* socket, unsigned char family,
               const std::array<uint8_t, kSize>& address) {
  AddressRequest<kSize> request = {};
  request.header.nlmsg_len = sizeof(request);
  request.header.nlmsg_type = RTM_NEWADDR;
  request.header.nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
  request.address.ifa_family = family;
  request.address.ifa_prefixlen = 8 * kSize;
  request.address.ifa_flags = IFA_F_NODAD;
  request.address.ifa_index = kLoopbackIndex;
  request.local.rta_type = IFA_LOCAL;
  request.local.rta_len = RTA_LENGTH(kSize);
  request.bytes = address;
  return socket->Do(&request.header);
}

int RouteEverythingHere(RouteSocket* socket, unsigned char family) {
  RouteRequest request = {};
  request.header.nlmsg_len = sizeof(request);
  request.header.nlmsg_type = RTM_NEWROUTE;
  request.header.nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
  request.route.rtm_family = family;
  request.route.rtm_table = RT_TABLE_LOCAL;
  request.route.rtm_protocol = RTPROT_BOOT;
  request.route.rtm_scope = RT_SCOPE_HOST;
  request.route.rtm_type = RTN_LOCAL;
  request.device.rta_type = RTA_OIF;
  request.device.rta_len = RTA_LENGTH(sizeof(request.device_index));
  request.device_index = kLoopbackIndex;
  return socket->Do(&request.header);
}

bool HasV6() {
  const UniqueFd probe(socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  return static_cast<bool>(probe);
}

}  // namespace

absl::StatusOr<LoopbackNetwork> SetUpLoopbackNetwork() {
  RouteSocket socket;
  RETURN_IF_ERROR(socket.Open());
  if (const int error = RaiseLoopback(&socket); error != 0) {
    return ErrnoStatus(error, "cannot raise the loopback device");
  }
  if (const int error = RouteEverythingHere(&socket, AF_INET); error != 0) {
    return ErrnoStatus(error, "cannot route IPv4 to the loopback device");
  }
  // Programs that ask for names by AI_ADDRCONFIG (getaddrinfo(3)) get no addresses of a family of
  // which the machine has none but the loopback device's own.
  if (const int error = AddAddress(&socket, AF_INET, kOwnV4); error != 0) {
    return ErrnoStatus(error, "cannot give the loopback device an address");
  }
  (void)AddAddress(&socket, AF_INET6, kOwnV6);
  // Without the route nothing of IPv6 goes anywhere, which is as closed.
  return LoopbackNetwork{HasV6() && RouteEverythingHere(&socket, AF_INET6) == 0};
}

}  // namespace sallyport::supervisor

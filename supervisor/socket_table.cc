#include "supervisor/socket_table.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/status.h"

namespace sallyport::supervisor {
namespace {

// The first device of every network namespace. A socket that is bound to it is found by its name
// alone; one that is bound to none is found too.
constexpr uint32_t kLoopbackIndex = 1;
constexpr timeval kAnswerLimit = {.tv_sec = 1, .tv_usec = 0};

struct Question {
  nlmsghdr header;
  inet_diag_req_v2 request;
};

void Write(const IpAddress& address, __be32* words) {
  std::memcpy(words, address.bytes().data(), address.bytes().size());
}

// The kernel answers for a mapped address in the family of the socket.
bool Is(const net::Endpoint& endpoint, uint8_t family, const __be32* words, uint16_t port) {
  std::array<uint8_t, 16> bytes = {};
  std::memcpy(bytes.data(), words, bytes.size());
  const IpAddress address = family == AF_INET
                                ? IpAddress::V4({bytes[0], bytes[1], bytes[2], bytes[3]})
                                : IpAddress::V6(bytes).Unmapped();
  return endpoint.port == ntohs(port) && endpoint.address == address;
}

// Also with one direction shut down; not one that only begins, of whoever has the port next.
bool IsConnected(uint8_t state) {
  return state == TCP_ESTABLISHED || state == TCP_FIN_WAIT1 || state == TCP_FIN_WAIT2 ||
         state == TCP_CLOSE_WAIT;
}

}  // namespace

absl::StatusOr<UniqueFd> SocketTable::Open() {
  UniqueFd fd(socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!fd || setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &kAnswerLimit, sizeof(kAnswerLimit))) {
    return ErrnoStatus(errno, "cannot ask the kernel for sockets (sock_diag)");
  }
  return fd;
}

SocketAnswer ParseSocketAnswer(std::span<const char> bytes, uint32_t sequence,
                               const proxy::ConnectionEnds& ends) {
  SocketAnswer answer;
  nlmsghdr header;
  if (bytes.size() < sizeof(header)) return answer;
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (header.nlmsg_seq != sequence || header.nlmsg_len > bytes.size()) return answer;
  answer.is_ours = true;
  const std::span<const char> body = bytes.first(header.nlmsg_len);
  if (header.nlmsg_type == NLMSG_ERROR) {
    nlmsgerr error = {};
    if (body.size() >= NLMSG_LENGTH(sizeof(error.error))) {
      std::memcpy(&error.error, body.data() + NLMSG_HDRLEN, sizeof(error.error));
    }
    // Zero would acknowledge a question that did not ask for that.
    answer.error = error.error < 0 ? -error.error : EPROTO;
    return answer;
  }
  inet_diag_msg socket;
  if (header.nlmsg_type != SOCK_DIAG_BY_FAMILY || body.size() < NLMSG_LENGTH(sizeof(socket))) {
    answer.error = EPROTO;
    return answer;
  }
  std::memcpy(&socket, body.data() + NLMSG_HDRLEN, sizeof(socket));
  // Where no connection has these ends the kernel tells of who listens at one of them.
  const bool is_client =
      IsConnected(socket.idiag_state) &&
      Is(ends.client, socket.idiag_family, socket.id.idiag_src, socket.id.idiag_sport) &&
      Is(ends.proxy, socket.idiag_family, socket.id.idiag_dst, socket.id.idiag_dport);
  if (is_client) answer.inode = socket.idiag_inode;
  return answer;
}

absl::StatusOr<ino_t> SocketTable::ClientSocket(const proxy::ConnectionEnds& ends) {
  Question question = {};
  question.header.nlmsg_len = sizeof(question);
  question.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  question.header.nlmsg_flags = NLM_F_REQUEST;
  question.header.nlmsg_seq = ++sequence_;
  question.request.sdiag_family = ends.client.address.is_v4() ? AF_INET : AF_INET6;
  question.request.sdiag_protocol = IPPROTO_TCP;
  inet_diag_sockid& id = question.request.id;
  id.idiag_sport = htons(ends.client.port);
  id.idiag_dport = htons(ends.proxy.port);
  Write(ends.client.address, id.idiag_src);
  Write(ends.proxy.address, id.idiag_dst);
  id.idiag_if = kLoopbackIndex;
  id.idiag_cookie[0] = id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  sockaddr_nl kernel = {};
  kernel.nl_family = AF_NETLINK;
  const auto failed = [] { return ErrnoStatus(errno, "the kernel does not tell of sockets"); };
  if (sendto(netlink_.get(), &question, sizeof(question), 0,
             reinterpret_cast<const sockaddr*>(&kernel), sizeof(kernel)) < 0) {
    return failed();
  }
  while (true) {
    alignas(nlmsghdr) std::array<char, 4096> bytes;
    sockaddr_nl sender = {};
    socklen_t length = sizeof(sender);
    const ssize_t size = recvfrom(netlink_.get(), bytes.data(), bytes.size(), 0,
                                  reinterpret_cast<sockaddr*>(&sender), &length);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return failed();
    if (sender.nl_pid != 0) continue;  // not the kernel
    const SocketAnswer answer =
        ParseSocketAnswer({bytes.data(), static_cast<size_t>(size)}, sequence_, ends);
    if (!answer.is_ours) continue;
    if (answer.error == ENOENT) return 0;
    errno = answer.error;
    if (answer.error != 0) return failed();
    return answer.inode;
  }
}

}  // namespace sallyport::supervisor

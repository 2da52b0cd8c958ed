#ifndef SALLYPORT_SUPERVISOR_SOCKET_TABLE_H_
#define SALLYPORT_SUPERVISOR_SOCKET_TABLE_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "proxy/exchange/client_identity.h"

namespace sallyport::supervisor {

// The TCP sockets of a network namespace, by the kernel's word (sock_diag(7)). Used by one thread
// at a time.
class SocketTable {
 public:
  // What to ask through, for the network namespace that this process is in now. It keeps that
  // network, whoever asks.
  static absl::StatusOr<UniqueFd> Open();

  explicit SocketTable(UniqueFd netlink) : netlink_(std::move(netlink)) {}

  // The inode of the client's socket, on the loopback device or routed there; 0 if no process has
  // it open any more. Microseconds, one second at most.
  absl::StatusOr<ino_t> ClientSocket(const proxy::ConnectionEnds& ends);

 private:
  UniqueFd netlink_;
  uint32_t sequence_ = 0;
};

// One answer of the kernel's to the question of that sequence number.
struct SocketAnswer {
  bool is_ours = false;  // otherwise it is of an earlier question, and the next one is to be read
  int error = 0;         // errno
  ino_t inode = 0;       // 0 as well where the socket is not the client's end of `ends`
};
SocketAnswer ParseSocketAnswer(std::span<const char> bytes, uint32_t sequence,
                               const proxy::ConnectionEnds& ends);

}  // namespace sallyport::supervisor

#endif  // SALLYPORT_SUPERVISOR_SOCKET_TABLE_H_

#ifndef SALLYPORT_SUPERVISOR_ISOLATION_MESSAGE_H_
#define SALLYPORT_SUPERVISOR_ISOLATION_MESSAGE_H_

#include <sys/types.h>

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "proxy/server/server.h"
#include "supervisor/channel.h"

namespace sallyport::supervisor {

// What the command's own namespaces are to be like.
struct IsolationRequest {
  // TCP ports on which connections to any address are taken.
  std::vector<uint16_t> captured_ports;
  // The process group in which the command starts; 0: one of its own. A process id namespace has no
  // number for a group outside, so that this has to be arranged before.
  pid_t process_group = 0;

  ForkMessage ToMessage() const;
  static absl::StatusOr<IsolationRequest> FromMessage(const ForkMessage& message);
};

// What they became.
struct IsolationResult {
  // Processes outside have no number inside. Otherwise /proc could not be mounted anew, as in
  // containers that hide parts of it.
  bool own_process_ids = false;
  // The number of the first process in there; 1 with process ids of its own.
  pid_t first_process = 0;
  std::vector<proxy::InheritedSocket> sockets;
  // What SocketTable::Open gave in there; none where that failed.
  UniqueFd socket_table;
  // The root of its procfs; none without process ids of its own.
  UniqueFd processes;

  // Both ends of `channel` must agree on the moment.
  absl::Status Send(Channel* channel) const;
  // The answer to an IsolationRequest.
  static absl::StatusOr<IsolationResult> Receive(Channel* channel);
};

}  // namespace sallyport::supervisor

#endif  // SALLYPORT_SUPERVISOR_ISOLATION_MESSAGE_H_

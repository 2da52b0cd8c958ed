#ifndef SALLYPORT_SUPERVISOR_LOOPBACK_NETWORK_H_
#define SALLYPORT_SUPERVISOR_LOOPBACK_NETWORK_H_

#include "absl/status/statusor.h"

namespace sallyport::supervisor {

struct LoopbackNetwork {
  bool has_v6 = false;
};

// Sets up the network namespace that this process is in: the loopback device is up, and every
// address there is, of both families, is the namespace's own ("ip route add local default dev lo"),
// so that whatever a program connects to arrives at a socket that listens on all addresses. By
// rtnetlink(7) alone; needs CAP_NET_ADMIN. A kernel without IPv6 has none here either.
absl::StatusOr<LoopbackNetwork> SetUpLoopbackNetwork();

}  // namespace sallyport::supervisor

#endif  // SALLYPORT_SUPERVISOR_LOOPBACK_NETWORK_H_

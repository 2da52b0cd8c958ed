#ifndef SALLYPORT_SUPERVISOR_INSIDE_SOCKETS_H_
#define SALLYPORT_SUPERVISOR_INSIDE_SOCKETS_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "proxy/server/server.h"

namespace sallyport::supervisor {

// Makes the sockets by which the child reaches the proxy, in the network namespace that this
// process is in: the proxy's own, on a free loopback port; one for each of `captured_ports` on
// every address there is; and port 53 for both kinds of DNS. With `v6` both families arrive at
// each.
absl::StatusOr<std::vector<proxy::InheritedSocket>> MakeInsideSockets(
    const std::vector<uint16_t>& captured_ports, bool v6);

}  // namespace sallyport::supervisor

#endif  // SALLYPORT_SUPERVISOR_INSIDE_SOCKETS_H_

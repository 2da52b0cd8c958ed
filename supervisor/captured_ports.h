#ifndef SALLYPORT_SUPERVISOR_CAPTURED_PORTS_H_
#define SALLYPORT_SUPERVISOR_CAPTURED_PORTS_H_

#include <cstdint>
#include <vector>

#include "proxy/server/server.h"

namespace sallyport::supervisor {

// The ports on which a program's connections are taken though it knows nothing of the proxy: those
// of HTTP and TLS, and each that the policy or the configuration names when the command starts. The
// program cannot listen on them itself, so that there are no more. Ascending, at most 128; a
// warning names the first that is left out.
std::vector<uint16_t> CapturedPorts(const proxy::ServerOptions& options);

}  // namespace sallyport::supervisor

#endif  // SALLYPORT_SUPERVISOR_CAPTURED_PORTS_H_

#ifndef SALLYPORT_PROXY_SERVER_LIMITS_H_
#define SALLYPORT_PROXY_SERVER_LIMITS_H_

#include <chrono>
#include <cstddef>

#include "proxy/http/message_buffers.h"

namespace sallyport::proxy {

// How long peers may take and how much they may hold. Each is an option of the command line; these
// are the defaults.
struct Limits {
  // Heads, and connections between requests.
  http::Limits http;
  // TLS, either side.
  std::chrono::milliseconds handshake_timeout = std::chrono::seconds(10);
  std::chrono::milliseconds connect_timeout = std::chrono::seconds(10);
  // No byte moved either way while a body is due.
  std::chrono::milliseconds stall_timeout = std::chrono::seconds(300);
  // Waiting to be written in one direction of an exchange; then its reader is paused.
  size_t buffer_bytes = size_t{256} * 1024;
  // Of clients, in the process; past it, accepting pauses.
  size_t max_connections = 10'000;
  // To one origin, for each worker; past it, requests wait for a connection.
  size_t max_origin_connections = 1024;
};

}  // namespace sallyport::proxy

#endif  // SALLYPORT_PROXY_SERVER_LIMITS_H_

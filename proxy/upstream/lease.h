#ifndef SALLYPORT_PROXY_UPSTREAM_LEASE_H_
#define SALLYPORT_PROXY_UPSTREAM_LEASE_H_

#include <cstdint>

#include "proxy/http/stream.h"
#include "proxy/upstream/dial.h"

namespace sallyport::upstream {

enum class Reuse : uint8_t { kAllowed, kForbidden };

// What a request needs of a connection.
struct Demand {
  bool tls = false;
  rules::Authority authority;
  AddressGate gate;
  // kForbidden: no HTTP/1.1 connection that served another request.
  Reuse reuse = Reuse::kAllowed;
  // Of the request: it upgrades to a WebSocket, which HTTP/2 needs an extension for.
  bool websocket = false;
  // A connection that HTTP/2 would share with others will not do.
  bool http1_only = false;
  // Stands for the connection that the request came on.
  const void* client = nullptr;
};

// A stream for one request, which its user releases.
struct Lease {
  http::ClientStream* stream = nullptr;
  // The connection had served a request before: its peer may have closed it meanwhile.
  bool reused = false;
  // Requests must be written for this proxy, in absolute form; null: none is in between.
  const UpstreamProxy* forwarding_proxy = nullptr;
};

}  // namespace sallyport::upstream

#endif  // SALLYPORT_PROXY_UPSTREAM_LEASE_H_

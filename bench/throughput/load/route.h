#ifndef SALLYPORT_BENCH_THROUGHPUT_LOAD_ROUTE_H_
#define SALLYPORT_BENCH_THROUGHPUT_LOAD_ROUTE_H_

#include <netinet/in.h>

#include <cstdint>
#include <string>

#include "ca/openssl.h"

namespace sallyport::bench {

// How connections are made, the same for every one of a run.
struct Route {
  sockaddr_in peer{};   // the proxy; or the origin itself, for the latency that a proxy adds to
  bool connect = true;  // ask for a tunnel first; false for reverse proxies
  std::string host;     // SNI, and the name that certificates must have
  uint16_t port = 443;  // of the CONNECT target
  // Each connection gets a host of its own: its number stands before `host`, as a label.
  bool numbered_hosts = false;
  // Offer the session of the connection before.
  bool resume = false;
  SSL_CTX* context = nullptr;
};

}  // namespace sallyport::bench

#endif  // SALLYPORT_BENCH_THROUGHPUT_LOAD_ROUTE_H_

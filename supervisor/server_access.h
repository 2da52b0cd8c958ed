#ifndef SALLYPORT_SUPERVISOR_SERVER_ACCESS_H_
#define SALLYPORT_SUPERVISOR_SERVER_ACCESS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "proxy/server/server.h"
#include "supervisor/environment.h"

namespace sallyport::supervisor {

struct ClientAddress {
  std::string host;  // without brackets
  uint16_t port = 0;
};

// How a client on this machine reaches the first TCP listener: a wildcard address is reached by the
// loopback one. Nothing where all listeners are unix sockets.
std::optional<ClientAddress> FindClientAddress(const std::vector<std::string>& listen_addresses);

// The JSON object that --ready-file gets: where to connect, what to trust.
std::string ReadyFileText(const proxy::Server& server);

// What a client of `server` needs, Java aside. `address` is from FindClientAddress.
ProxyAccess MakeProxyAccess(const proxy::Server& server, const ClientAddress& address);

}  // namespace sallyport::supervisor

#endif  // SALLYPORT_SUPERVISOR_SERVER_ACCESS_H_

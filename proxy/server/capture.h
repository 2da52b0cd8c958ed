#ifndef SALLYPORT_PROXY_SERVER_CAPTURE_H_
#define SALLYPORT_PROXY_SERVER_CAPTURE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "proxy/dns/name_addresses.h"
#include "proxy/dns/responder.h"
#include "proxy/dns/stream_connection.h"
#include "proxy/net/datagram_socket.h"
#include "proxy/net/listener.h"
#include "proxy/server/server.h"
#include "rules/authority.h"

namespace sallyport::proxy {

// Serves sockets of a network in which every address leads here: answers DNS, and hands on each
// connection with the name, or else the address, that its client meant. Belongs to one loop.
class Capture {
 public:
  using OnAccept = std::function<void(UniqueFd connection, std::string peer,
                                      std::optional<rules::Authority> captured)>;

  // `sockets` and `names` outlive this object. `is_allowed` says which names exist. `on_accept`
  // gets nothing as the destination on sockets for clients that know of the proxy.
  Capture(net::EventLoop* loop, const std::vector<InheritedSocket>& sockets,
          dns::NameAddresses* names, std::function<bool(const rules::Host&)> is_allowed,
          OnAccept on_accept);
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  // Stops and starts accepting.
  void Pause();
  void Resume();

  // On which connections are captured.
  const std::vector<uint16_t>& ports() const { return ports_; }

 private:
  void AcceptCaptured(UniqueFd connection, std::string peer);
  void AcceptDns(UniqueFd connection);
  void ServeDatagrams(int socket);

  net::EventLoop* loop_;
  const OnAccept on_accept_;
  std::vector<uint16_t> ports_;
  dns::NameAddresses* const names_;
  dns::Responder responder_;
  std::vector<std::unique_ptr<net::Listener>> listeners_;
  std::vector<std::unique_ptr<net::DatagramSocket>> datagrams_;
  std::vector<net::RetirePtr<dns::StreamConnection>> dns_connections_;
};

}  // namespace sallyport::proxy

#endif  // SALLYPORT_PROXY_SERVER_CAPTURE_H_

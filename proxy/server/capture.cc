#include "proxy/server/capture.h"

#include <utility>

#include "proxy/net/stream_transport.h"

namespace sallyport::proxy {
namespace {

// More than a program's resolvers have open at a time; the next one is closed at once.
constexpr size_t kMaxDnsConnections = 64;

}  // namespace

Capture::Capture(net::EventLoop* loop, const std::vector<InheritedSocket>& sockets,
                 dns::NameAddresses* names, std::function<bool(const rules::Host&)> is_allowed,
                 OnAccept on_accept)
    : loop_(loop),
      on_accept_(std::move(on_accept)),
      names_(names),
      responder_(std::move(is_allowed), names) {
  using Role = InheritedSocket::Role;
  const auto listen = [this](int fd, std::function<void(UniqueFd, std::string)> accept) {
    listeners_.push_back(std::make_unique<net::Listener>(loop_, fd, std::move(accept)));
  };
  for (const InheritedSocket& socket : sockets) {
    const int fd = socket.fd.get();
    switch (socket.role) {
      case Role::kProxy:
        listen(fd, [this](UniqueFd connection, std::string peer) {
          on_accept_(std::move(connection), std::move(peer), std::nullopt);
        });
        break;
      case Role::kCaptured:
        ports_.push_back(net::LocalPort(fd));
        listen(fd, [this](UniqueFd connection, std::string peer) {
          AcceptCaptured(std::move(connection), std::move(peer));
        });
        break;
      case Role::kDnsStream:
        listen(fd, [this](UniqueFd connection, const std::string&) {
          AcceptDns(std::move(connection));
        });
        break;
      case Role::kDnsDatagram:
        ServeDatagrams(fd);
        break;
    }
  }
}

void Capture::Pause() {
  for (const auto& listener : listeners_) listener->Pause();
}

void Capture::Resume() {
  for (const auto& listener : listeners_) listener->Resume();
}

void Capture::AcceptCaptured(UniqueFd connection, std::string peer) {
  const net::Endpoint local = net::LocalAddress(connection.get());
  std::optional<std::string> name = names_->NameOf(local.address);
  rules::Host host = name.has_value() ? rules::Host{*std::move(name), std::nullopt}
                                      : rules::Host{local.address.ToString(), local.address};
  on_accept_(std::move(connection), std::move(peer), rules::Authority{std::move(host), local.port});
}

void Capture::AcceptDns(UniqueFd connection) {
  if (dns_connections_.size() >= kMaxDnsConnections) return;
  net::TransportPtr transport(
      new net::StreamTransport(loop_, net::StreamKind::kTcp, std::move(connection)));
  dns_connections_.emplace_back(new dns::StreamConnection(
      std::move(transport), &responder_, [this](dns::StreamConnection* over) {
        std::erase_if(dns_connections_, [over](const auto& one) { return one.get() == over; });
      }));
}

void Capture::ServeDatagrams(int socket) {
  const size_t index = datagrams_.size();
  datagrams_.push_back(std::make_unique<net::DatagramSocket>(
      loop_, socket, [this, index](std::string_view query, const net::DatagramSocket::Path& path) {
        const std::string reply = responder_.Answer(query);
        if (!reply.empty()) datagrams_[index]->Reply(reply, path);
      }));
}

}  // namespace sallyport::proxy

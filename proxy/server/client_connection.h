#ifndef SALLYPORT_PROXY_SERVER_CLIENT_CONNECTION_H_
#define SALLYPORT_PROXY_SERVER_CLIENT_CONNECTION_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/container/inlined_vector.h"
#include "proxy/dns/name_addresses.h"
#include "proxy/exchange/client_identity.h"
#include "proxy/exchange/exchange.h"
#include "proxy/exchange/tunnel.h"
#include "proxy/http/h1_server.h"
#include "proxy/http/h2_server.h"
#include "proxy/server/first_bytes.h"
#include "proxy/socks/socks5_opening.h"
#include "proxy/tls/server_context.h"
#include "proxy/tls/tls_transport.h"
#include "proxy/upstream/dial.h"

namespace sallyport::proxy {

// What the connections of one worker share. Outlives them.
struct ConnectionContext {
  ExchangeContext* exchange = nullptr;
  ExchangePool* exchanges = nullptr;
  tls::ServerContext* tls = nullptr;
  // Null where clients' processes cannot be told.
  ProcessDesk* processes = nullptr;
  // Which addresses stand for names.
  const dns::NameAddresses* names = nullptr;
  std::chrono::milliseconds handshake_timeout = std::chrono::seconds(10);
};

// One client's connection, from accept to close. It begins as HTTP to the proxy itself, as SOCKS5,
// or as TLS meant for another host; a CONNECT and the latter two open a way to one host, and what
// follows is either HTTP to that host (through TLS that ends here) or a tunnel. A connection that
// was captured on its way elsewhere is TLS or HTTP, whose server name or Host says where to, or on
// other ports anything, which goes where the address stands for.
class ClientConnection final : public net::Retirable,
                               private FirstBytes::Owner,
                               private http::H1Server::Owner,
                               private http::H2Server::Owner,
                               private http::RequestListener,
                               private Exchange::Owner,
                               private Tunnel::Owner,
                               private ClientIdentity::Waiter,
                               private upstream::Dial::Listener,
                               private net::TransportListener,
                               private tls::TlsTransport::HandshakeListener {
 public:
  class Owner {
   public:
    // The connection is over; the owner retires it. Never runs inside a call to the connection.
    virtual void OnConnectionOver(ClientConnection* connection) = 0;

   protected:
    ~Owner() = default;
  };

  // `captured`, if set, is what the client connected to. `ends` are set where there is somebody to
  // ask for processes.
  ClientConnection(ConnectionContext* context, net::TransportPtr transport, std::string peer,
                   std::optional<ConnectionEnds> ends, std::optional<rules::Authority> captured,
                   Owner* owner);
  ~ClientConnection() override;

  // Call it once. The connection may be over when it returns.
  void Begin();

  // Serves what has begun, and nothing more.
  void Drain();

  // Another snapshot is in force: ends a tunnel that its policy does not let stand. Requests are
  // judged one by one, and those under way finish.
  void OnSnapshotChanged();

  void Retire() override;
  net::EventLoop& loop() override { return loop_; }

  // What is spoken on it now: "http/1.1", "h2", "tunnel", or "opening" before either.
  std::string_view protocol() const;

  // Its place in the owner's list.
  size_t index = 0;

 private:
  // http::H1Server::Owner, http::H2Server::Owner
  void OnRequest(http::ServerStream* stream, http::RequestHead* head) override;
  void OnBadRequest(http::ServerStream* stream, const http::HeadError& error) override;
  void OnConnectionDone() override;

  // http::RequestListener, while a tunnel is dialled
  void OnRequestData(std::string_view) override {}
  void OnRequestTrailers(const http::HeaderList&) override {}
  void OnRequestEnd() override {}
  void OnRequestBroken(std::string_view) override {}  // a CONNECT has no body
  void OnResponseDrained() override {}
  void OnClientGone(std::string_view reason) override;

  // Exchange::Owner, Tunnel::Owner
  void OnExchangeDone(Exchange* exchange) override;
  void OnTunnelDone(Tunnel* tunnel) override;

  // ClientIdentity::Waiter, for a way to be opened or a tunnel to be judged anew
  void OnClientKnown() override;

  // upstream::Dial::Listener, for a tunnel
  void OnDialed(upstream::Dial* dial, net::TransportPtr transport,
                const IpAddress& address) override;
  void OnDialFailed(upstream::Dial* dial, const upstream::DialError& error) override;

  // FirstBytes::Owner
  void OnFirstBytes(std::string_view bytes) override;
  void OnNoFirstBytes() override { Over(); }

  // net::TransportListener, during the handshake with the client
  void OnData(std::string_view) override {}
  void OnEnd(net::EndKind kind) override;
  void OnDrained() override {}
  void OnError(net::TransportError error, const std::string& detail) override;

  // tls::TlsTransport::HandshakeListener
  void OnHandshakeDone(tls::TlsTransport* transport) override;

  void ReadCaptured(std::string_view bytes);
  void ContinueSocks(std::string_view bytes);
  void ReadCapturedHello(std::string_view bytes);
  void OnConnect(http::ServerStream* stream, const http::RequestHead& head);
  void Refuse(http::ServerStream* stream, http::LocalReply reply);

  // The way to `authority` was asked for: refuses, intercepts, or dials for a tunnel.
  void Open(rules::Authority authority);
  void DecideWay();
  // Whether the dial, or what has to be known before it, is under way.
  bool is_opening() const { return dial_ != nullptr || identifying_; }
  void RefuseOpening(http::LocalReply reply);
  // Tells the client that the way is open; gives what it then speaks through.
  FirstBytes::Taken AcceptOpening();
  void Intercept();

  void SniffInner(char first);
  void StartTls(FirstBytes::Taken client);
  void ServePlainHttp();
  void ServeHttp1(net::TransportPtr transport, std::string early,
                  http::H1Server::HalfClose half_close);
  void ServeHttp2(net::TransportPtr transport);
  // Ends the tunnel if the policy in force does not let it stand.
  void JudgeTunnel();
  void AuditFailedOpening(std::string_view error, std::string_view by, bool denied,
                          const std::string& why);
  void Over();

  ConnectionContext* context_;
  net::EventLoop& loop_;
  Owner* owner_;
  std::optional<ClientIdentity> identity_;
  Channel channel_;
  const std::optional<rules::Authority> captured_;
  // One of these at a time serves the client.
  net::RetirePtr<FirstBytes> first_bytes_;
  net::RetirePtr<http::H1Server> http1_;
  net::RetirePtr<http::H2Server> http2_;
  net::RetirePtr<Tunnel> tunnel_;
  net::RetirePtr<tls::TlsTransport> handshaking_;
  // While a SOCKS client opens its way.
  std::unique_ptr<socks::Socks5Opening> socks_;
  net::RetirePtr<upstream::Dial> dial_;
  // The way waits for the client to be known.
  bool identifying_ = false;
  // Of the CONNECT that is not answered yet.
  http::ServerStream* connect_stream_ = nullptr;
  // Under way; more than one only over HTTP/2.
  absl::InlinedVector<Exchange*, 1> exchanges_;
  bool over_ = false;
};

}  // namespace sallyport::proxy

#endif  // SALLYPORT_PROXY_SERVER_CLIENT_CONNECTION_H_

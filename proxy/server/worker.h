#ifndef SALLYPORT_PROXY_SERVER_WORKER_H_
#define SALLYPORT_PROXY_SERVER_WORKER_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "ca/leaf_cache.h"
#include "ca/ticket_keys.h"
#include "proxy/dns/name_addresses.h"
#include "proxy/metrics/worker_metrics.h"
#include "proxy/net/listener.h"
#include "proxy/net/mailbox.h"
#include "proxy/net/resolver.h"
#include "proxy/net/stream_transport.h"
#include "proxy/server/client_connection.h"
#include "proxy/server/limits.h"

namespace sallyport::proxy {

// What all workers share, made before the first and gone after the last. Thread-safe or immutable.
struct WorkerShared {
  const ca::CertificateAuthority* authority = nullptr;
  ca::LeafCache* leaves = nullptr;
  ca::TicketKeys* tickets = nullptr;
  X509_STORE* trust = nullptr;
  audit::AuditLog* audit = nullptr;
  // Null where clients' processes cannot be told.
  ProcessFinder* processes = nullptr;
  // Empty unless connections are captured.
  const dns::NameAddresses* names = nullptr;
  std::vector<upstream::ConnectOverride> overrides;
  std::shared_ptr<const upstream::UpstreamProxy> upstream_proxy;
  std::vector<std::pair<IpAddress, uint16_t>> own_endpoints;
  Limits limits;
  // Runs on a worker's thread for each connection that is over.
  std::function<void()> on_connection_over;
};

// What a worker has counted and has open, at one moment.
struct WorkerReport {
  metrics::WorkerMetrics counts;
  // By what is spoken on them.
  std::map<std::string_view, uint64_t> client_connections;
  metrics::PoolCounts pool;
};

// One event loop on one thread, with its own connections, pool and contexts. Commands come as
// messages; all methods but the constructor's and destructor's may be called from any thread.
class Worker final : private ClientConnection::Owner {
 public:
  // `shared` outlives the worker.
  static absl::StatusOr<std::unique_ptr<Worker>> Create(const WorkerShared* shared);
  // Ends the thread; connections are closed at once.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Starts the thread. A snapshot must have been set.
  void Start();

  void SetSnapshot(std::shared_ptr<const Snapshot> snapshot);
  // `captured`: see ClientConnection.
  void Serve(UniqueFd connection, net::StreamKind kind, std::string peer,
             std::optional<rules::Authority> captured);
  // Serves what has begun; `on_drained` runs on the worker's thread once nothing is left.
  void Drain(std::function<void()> on_drained);

  // `done` runs on the worker's thread, unless the worker ends before.
  void Collect(std::function<void(const WorkerReport&)> done);

  // Runs `message` on the worker's thread.
  void Post(net::Mailbox::Message message) { mailbox_->Post(std::move(message)); }
  net::EventLoop* loop() { return &loop_; }

 private:
  explicit Worker(const WorkerShared* shared);

  void OnConnectionOver(ClientConnection* connection) override;
  void CloseAll();

  const WorkerShared* shared_;
  // Before the loop, which destroys the last connections when it ends: they give buffers back.
  http::CodecContext codec_;
  metrics::WorkerMetrics metrics_;
  net::EventLoop loop_;
  std::unique_ptr<net::Mailbox> mailbox_;
  // Null where clients' processes cannot be told.
  std::unique_ptr<ProcessDesk> processes_;
  std::unique_ptr<net::Resolver> resolver_;
  std::unique_ptr<tls::ServerContext> server_tls_;
  std::unique_ptr<tls::ClientContext> client_tls_;
  upstream::DialContext dial_;
  tls::SessionSlot proxy_session_;
  std::unique_ptr<upstream::Pool> pool_;
  ExchangeContext exchange_;
  std::unique_ptr<ExchangePool> exchanges_;
  ConnectionContext connection_;
  std::vector<net::RetirePtr<ClientConnection>> connections_;
  std::function<void()> on_drained_;
  std::thread thread_;
};

}  // namespace sallyport::proxy

#endif  // SALLYPORT_PROXY_SERVER_WORKER_H_

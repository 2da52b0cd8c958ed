#include "proxy/server/worker.h"

#include <pthread.h>

#include <utility>

#include "base/status.h"

namespace sallyport::proxy {

Worker::Worker(const WorkerShared* shared)
    : shared_(shared), mailbox_(std::make_unique<net::Mailbox>(&loop_)) {
  codec_.loop = &loop_;
  codec_.limits = shared->limits.http;
  loop_.set_high_water(shared->limits.buffer_bytes);
  if (shared->processes != nullptr) {
    processes_ = std::make_unique<ProcessDesk>(shared->processes, mailbox_.get());
  }
  resolver_ = std::make_unique<net::Resolver>(&loop_);
}

absl::StatusOr<std::unique_ptr<Worker>> Worker::Create(const WorkerShared* shared) {
  std::unique_ptr<Worker> worker(new Worker(shared));
  ASSIGN_OR_RETURN(worker->server_tls_,
                   tls::ServerContext::Create(shared->authority, shared->leaves, shared->tickets));
  ASSIGN_OR_RETURN(worker->client_tls_, tls::ClientContext::Create(shared->trust));
  worker->dial_.loop = &worker->loop_;
  worker->dial_.resolver = worker->resolver_.get();
  worker->dial_.tls = worker->client_tls_.get();
  worker->dial_.metrics = &worker->metrics_;
  worker->dial_.overrides = &shared->overrides;
  worker->dial_.own_endpoints = &shared->own_endpoints;
  worker->dial_.proxy = shared->upstream_proxy.get();
  worker->dial_.proxy_session = &worker->proxy_session_;
  worker->dial_.connect_timeout = shared->limits.connect_timeout;
  worker->dial_.handshake_timeout = shared->limits.handshake_timeout;
  worker->pool_ = std::make_unique<upstream::Pool>(&worker->codec_, &worker->dial_,
                                                   shared->limits.max_origin_connections);
  worker->exchange_.codec = &worker->codec_;
  worker->exchange_.pool = worker->pool_.get();
  worker->exchange_.dial = &worker->dial_;
  worker->exchange_.metrics = &worker->metrics_;
  worker->exchange_.audit = shared->audit;
  worker->exchange_.stall_timeout = shared->limits.stall_timeout;
  worker->exchanges_ = std::make_unique<ExchangePool>(&worker->exchange_);
  worker->connection_.exchange = &worker->exchange_;
  worker->connection_.exchanges = worker->exchanges_.get();
  worker->connection_.handshake_timeout = shared->limits.handshake_timeout;
  worker->connection_.tls = worker->server_tls_.get();
  worker->connection_.processes = worker->processes_.get();
  worker->connection_.names = shared->names;
  return worker;
}

Worker::~Worker() {
  if (thread_.joinable()) {
    Post([this] { loop_.Stop(); });
    thread_.join();
  }
  CloseAll();
  exchanges_.reset();
  pool_.reset();
  resolver_.reset();
  processes_.reset();
  mailbox_.reset();
}

void Worker::Start() {
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "worker");
    loop_.Run();
  });
}

void Worker::SetSnapshot(std::shared_ptr<const Snapshot> snapshot) {
  // A count of this worker's own, so that taking a reference for each request touches no memory
  // that other workers write.
  auto owner = std::make_shared<std::shared_ptr<const Snapshot>>(std::move(snapshot));
  std::shared_ptr<const Snapshot> local(owner, owner->get());
  Post([this, local = std::move(local)]() mutable {
    exchange_.snapshot = std::move(local);
    // A connection may end, and leave the list, while it is told.
    std::vector<ClientConnection*> all;
    all.reserve(connections_.size());
    for (const auto& connection : connections_) all.push_back(connection.get());
    for (ClientConnection* connection : all) connection->OnSnapshotChanged();
  });
}

void Worker::Serve(UniqueFd connection, net::StreamKind kind, std::string peer,
                   std::optional<rules::Authority> captured) {
  mailbox_->PostOrRun([this, socket = std::move(connection), kind, peer = std::move(peer),
                       captured = std::move(captured)]() mutable {
    std::optional<ConnectionEnds> ends;
    if (processes_ != nullptr) {
      ends = ConnectionEnds{net::PeerAddress(socket.get()), net::LocalAddress(socket.get())};
    }
    net::TransportPtr transport(new net::StreamTransport(&loop_, kind, std::move(socket)));
    net::RetirePtr<ClientConnection> client(new ClientConnection(
        &connection_, std::move(transport), std::move(peer), ends, std::move(captured), this));
    client->index = connections_.size();
    connections_.push_back(std::move(client));
    ClientConnection* begun = connections_.back().get();
    // Draining may end it.
    if (exchange_.shutting_down) {
      begun->Drain();
    } else {
      begun->Begin();
    }
  });
}

void Worker::OnConnectionOver(ClientConnection* connection) {
  const size_t index = connection->index;
  std::swap(connections_[index], connections_.back());
  connections_[index]->index = index;
  connections_.pop_back();
  shared_->on_connection_over();
  if (connections_.empty() && on_drained_) std::exchange(on_drained_, nullptr)();
}

void Worker::Drain(std::function<void()> on_drained) {
  Post([this, done = std::move(on_drained)]() mutable {
    exchange_.shutting_down = true;
    pool_->CloseIdle();
    on_drained_ = std::move(done);
    // A connection may end, and leave the list, while it is told.
    std::vector<ClientConnection*> all;
    all.reserve(connections_.size());
    for (const auto& connection : connections_) all.push_back(connection.get());
    for (ClientConnection* connection : all) connection->Drain();
    if (connections_.empty() && on_drained_) std::exchange(on_drained_, nullptr)();
  });
}

void Worker::Collect(std::function<void(const WorkerReport&)> done) {
  Post([this, done = std::move(done)] {
    WorkerReport report;
    report.counts = metrics_;
    for (const auto& connection : connections_) ++report.client_connections[connection->protocol()];
    report.pool = pool_->Count();
    done(report);
  });
}

void Worker::CloseAll() { connections_.clear(); }

}  // namespace sallyport::proxy

#include "proxy/server/server.h"

#include <fmt/core.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/log.h"
#include "base/status.h"
#include "ca/bundle.h"
#include "ca/certificate_authority.h"
#include "ca/trust_store.h"
#include "proxy/audit/audit_log.h"
#include "proxy/dns/name_addresses.h"
#include "proxy/exchange/request_policy.h"
#include "proxy/net/listener.h"
#include "proxy/server/capture.h"
#include "proxy/server/control.h"
#include "proxy/server/observer.h"
#include "proxy/server/worker.h"

namespace sallyport::proxy {
namespace {

// "sallyport run 1f3a…": tells one run's authority from another's in a trust dialogue.
std::string RunName() {
  uint64_t id = 0;
  if (getrandom(&id, sizeof(id), 0) != sizeof(id)) id = static_cast<uint64_t>(getpid());
  return fmt::format("sallyport run {:016x}", id);
}

class ServerImpl final : public Server {
 public:
  explicit ServerImpl(ServerOptions options) : options_(std::move(options)) {}
  ~ServerImpl() override;

  absl::Status Start();

  const std::vector<std::string>& listen_addresses() const override { return addresses_; }
  const std::string& admin_address() const override { return admin_address_; }
  const std::string& ca_file() const override { return ca_files_->ca_crt; }
  const std::string& ca_bundle_file() const override { return ca_files_->ca_bundle_crt; }
  std::vector<std::pair<std::string, std::string>> PlaceholderVariables() const override {
    return control_->PlaceholderVariables();
  }
  std::vector<ProvidedFile> ProvidedFiles() const override { return control_->ProvidedFiles(); }
  absl::Status Reload() override;
  void Drain(std::chrono::milliseconds limit) override;

 private:
  struct Socket {
    UniqueFd fd;
    net::StreamKind kind = net::StreamKind::kTcp;
    std::string unix_path;
    std::string address;  // as listen_addresses() has it
  };

  absl::Status LoadTrust();
  absl::Status OpenAudit();
  absl::Status Bind();
  absl::StatusOr<Socket> Listen(const ListenAddress& listen);
  absl::Status ResolveOverrides();
  absl::Status StartWorkers();
  void Publish(std::shared_ptr<const Snapshot> snapshot);
  void Accept(UniqueFd connection, net::StreamKind kind, std::string peer,
              std::optional<rules::Authority> captured);
  bool IsReachable(const rules::Host& host);
  void OnConnectionOver();
  void StopAccepting();

  const ServerOptions options_;
  std::vector<std::string> addresses_;
  std::vector<Socket> sockets_;
  std::optional<Socket> admin_socket_;
  std::string admin_address_;
  std::unique_ptr<audit::AuditLog> audit_;
  std::unique_ptr<ca::CertificateAuthority> authority_;
  std::unique_ptr<ca::LeafCache> leaves_;
  ca::TicketKeys tickets_;
  ca::X509StorePtr trust_;
  std::optional<ca::CaFiles> ca_files_;
  dns::NameAddresses names_;
  WorkerShared shared_;
  absl::Mutex publish_mutex_;
  std::shared_ptr<const Snapshot> latest_ ABSL_GUARDED_BY(publish_mutex_);
  // Filled once, under publish_mutex_, before the workers start; constant from then on.
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<Control> control_;

  // The first worker accepts for all of them and deals connections out in turn. These are its own.
  std::vector<std::unique_ptr<net::Listener>> listeners_;
  std::optional<Capture> capture_;
  size_t next_worker_ = 0;
  std::optional<Observer> observer_;
  std::unique_ptr<admin::AdminServer> admin_;
  std::atomic<size_t> connections_ = 0;
};

ServerImpl::~ServerImpl() {
  // Who asks about the rest goes first. Credentials and configuration stop changing, then the
  // workers end, then what they used.
  admin_.reset();
  control_.reset();
  if (!workers_.empty()) StopAccepting();
  workers_.clear();
  for (const Socket& socket : sockets_) {
    if (!socket.unix_path.empty()) unlink(socket.unix_path.c_str());
  }
  if (admin_socket_.has_value() && !admin_socket_->unix_path.empty()) {
    unlink(admin_socket_->unix_path.c_str());
  }
}

absl::Status ServerImpl::Start() {
  RETURN_IF_ERROR(ResolveOverrides());
  RETURN_IF_ERROR(Bind());
  const std::string run_name = RunName();
  if (options_.ca_persist) {
    if (options_.ca_dir.empty()) {
      return absl::InvalidArgumentError(
          "--ca-persist needs --ca-dir: the folder in which the CA's key is kept");
    }
    ASSIGN_OR_RETURN(authority_, ca::CertificateAuthority::LoadOrCreate(options_.ca_dir, run_name));
  } else {
    ASSIGN_OR_RETURN(authority_, ca::CertificateAuthority::Create(run_name));
  }
  leaves_ = std::make_unique<ca::LeafCache>(authority_.get());
  RETURN_IF_ERROR(LoadTrust());
  RETURN_IF_ERROR(OpenAudit());
  control_ = std::make_unique<Control>(
      [this](std::shared_ptr<const Snapshot> snapshot) { Publish(std::move(snapshot)); },
      PolicyInForce(options_.policy_source, options_.policy,
                    options_.processes != nullptr ? Clients::kKnown : Clients::kUnknown),
      audit_.get());
  RETURN_IF_ERROR(control_->Start({.file = options_.config_file,
                                   .text = options_.config_text,
                                   .providers = options_.providers,
                                   .files = options_.files}));
  ASSIGN_OR_RETURN(ca_files_, ca::WriteCaFiles(options_.ca_dir, *authority_));
  return StartWorkers();
}

absl::Status ServerImpl::LoadTrust() {
  absl::StatusOr<std::string> roots = ca::ReadSystemRoots();
  if (!roots.ok()) {
    log::Warn("tls", "no system roots; only --upstream-ca is trusted",
              {{"reason", Message(roots.status())}});
    roots = std::string();
  }
  ASSIGN_OR_RETURN(trust_, ca::LoadTrustStore(*std::move(roots), options_.upstream_ca));
  return absl::OkStatus();
}

absl::Status ServerImpl::OpenAudit() {
  if (options_.audit_log.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(
      audit_, audit::AuditLog::Open(options_.audit_log,
                                    {.format = options_.audit_format, .files = options_.files}));
  return absl::OkStatus();
}

absl::Status ServerImpl::Bind() {
  for (const ListenAddress& listen : options_.listen) {
    ASSIGN_OR_RETURN(Socket socket, Listen(listen));
    addresses_.push_back(socket.address);
    sockets_.push_back(std::move(socket));
  }
  if (options_.inherited != nullptr) {
    for (const InheritedSocket& socket : *options_.inherited) {
      if (socket.role != InheritedSocket::Role::kProxy) continue;
      addresses_.push_back(net::LocalAddress(socket.fd.get()).ToString());
    }
  }
  if (options_.admin.has_value()) {
    ASSIGN_OR_RETURN(admin_socket_, Listen(*options_.admin));
    admin_address_ = admin_socket_->address;
  }
  return absl::OkStatus();
}

absl::StatusOr<ServerImpl::Socket> ServerImpl::Listen(const ListenAddress& listen) {
  Socket socket;
  if (!listen.unix_path.empty()) {
    ASSIGN_OR_RETURN(socket.fd, net::ListenUnix(listen.unix_path));
    socket.kind = net::StreamKind::kUnix;
    socket.unix_path = listen.unix_path;
    socket.address = fmt::format("unix:{}", listen.unix_path);
    return socket;
  }
  ASSIGN_OR_RETURN(socket.fd, net::ListenTcp(listen.address, listen.port));
  const uint16_t port = net::LocalPort(socket.fd.get());
  shared_.own_endpoints.emplace_back(listen.address.Unmapped(), port);
  socket.address = FormatHostPort(listen.address.ToString(), port);
  return socket;
}

absl::Status ServerImpl::ResolveOverrides() {
  for (const ConnectTo& entry : options_.connect_to) {
    ASSIGN_OR_RETURN(
        const rules::Authority target,
        rules::ParseAuthority(FormatHostPort(entry.target_host, entry.target_port), std::nullopt));
    shared_.overrides.push_back({entry.host, entry.port, target.host, target.port});
  }
  return absl::OkStatus();
}

absl::Status ServerImpl::StartWorkers() {
  shared_.authority = authority_.get();
  shared_.leaves = leaves_.get();
  shared_.tickets = &tickets_;
  shared_.trust = trust_.get();
  shared_.audit = audit_.get();
  shared_.processes = options_.processes.get();
  shared_.names = &names_;
  shared_.limits = options_.limits;
  shared_.upstream_proxy = options_.upstream_proxy;
  shared_.on_connection_over = [this] { OnConnectionOver(); };
  std::vector<std::unique_ptr<Worker>> workers;
  for (int i = 0; i < options_.workers; ++i) {
    ASSIGN_OR_RETURN(std::unique_ptr<Worker> worker, Worker::Create(&shared_));
    workers.push_back(std::move(worker));
  }
  {
    absl::MutexLock lock(&publish_mutex_);
    workers_ = std::move(workers);
    for (const auto& worker : workers_) worker->SetSnapshot(latest_);
  }
  net::EventLoop* loop = workers_.front()->loop();
  for (const Socket& socket : sockets_) {
    listeners_.push_back(std::make_unique<net::Listener>(
        loop, socket.fd.get(), [this, kind = socket.kind](UniqueFd connection, std::string peer) {
          Accept(std::move(connection), kind, std::move(peer), std::nullopt);
        }));
  }
  if (options_.inherited != nullptr) {
    capture_.emplace(
        loop, *options_.inherited, &names_,
        [this](const rules::Host& host) { return IsReachable(host); },
        [this](UniqueFd connection, std::string peer, std::optional<rules::Authority> captured) {
          Accept(std::move(connection), net::StreamKind::kTcp, std::move(peer),
                 std::move(captured));
        });
  }
  for (const auto& worker : workers_) worker->Start();
  observer_.emplace(&workers_, control_.get(), leaves_.get(), audit_.get());
  observer_->SetAccepting(true);
  if (admin_socket_.has_value()) {
    admin_ = std::make_unique<admin::AdminServer>(std::move(admin_socket_->fd), admin_socket_->kind,
                                                  &*observer_);
  }
  if (audit_ != nullptr) {
    audit::AuditRecord record;
    record.event = audit::AuditEvent::kLifecycle;
    record.decision = "started";
    audit_->Record(record);
  }
  return absl::OkStatus();
}

void ServerImpl::Publish(std::shared_ptr<const Snapshot> snapshot) {
  absl::MutexLock lock(&publish_mutex_);
  latest_ = std::move(snapshot);
  for (const auto& worker : workers_) worker->SetSnapshot(latest_);
}

// What a name is asked for with is not known before the connection: any port will do.
bool ServerImpl::IsReachable(const rules::Host& host) {
  std::shared_ptr<const Snapshot> snapshot;
  {
    absl::MutexLock lock(&publish_mutex_);
    snapshot = latest_;
  }
  const std::vector<uint16_t>& ports = capture_->ports();
  return std::any_of(ports.begin(), ports.end(), [&](uint16_t port) {
    return AllowsHost(*snapshot, {host, port});
  });
}

void ServerImpl::Accept(UniqueFd connection, net::StreamKind kind, std::string peer,
                        std::optional<rules::Authority> captured) {
  const size_t limit = options_.limits.max_connections;
  if (connections_.fetch_add(1, std::memory_order_relaxed) + 1 >= limit) {
    log::Warn("proxy", "too many client connections; new ones wait", {{"limit", limit}});
    for (const auto& listener : listeners_) listener->Pause();
    if (capture_.has_value()) capture_->Pause();
  }
  Worker* worker = workers_[next_worker_].get();
  next_worker_ = (next_worker_ + 1) % workers_.size();
  worker->Serve(std::move(connection), kind, std::move(peer), std::move(captured));
}

void ServerImpl::OnConnectionOver() {
  if (connections_.fetch_sub(1, std::memory_order_relaxed) != options_.limits.max_connections) {
    return;
  }
  workers_.front()->Post([this] {
    for (const auto& listener : listeners_) listener->Resume();
    if (capture_.has_value()) capture_->Resume();
  });
}

// Ends the listeners on the thread that they belong to, and then the sockets: from here on the
// kernel refuses new connections.
void ServerImpl::StopAccepting() {
  if (observer_.has_value()) observer_->SetAccepting(false);
  std::promise<void> done;
  std::future<void> ended = done.get_future();
  workers_.front()->Post([this, done = std::move(done)]() mutable {
    listeners_.clear();
    capture_.reset();
    done.set_value();
  });
  ended.wait();
  for (Socket& socket : sockets_) socket.fd.Reset();
}

absl::Status ServerImpl::Reload() {
  if (audit_ != nullptr) audit_->Reopen();
  return control_->Reload();
}

void ServerImpl::Drain(std::chrono::milliseconds limit) {
  StopAccepting();
  // Shared with the workers, which may report after this function gave up waiting.
  struct Left {
    explicit Left(size_t count) : workers(count) {}
    std::atomic<size_t> workers;
    std::promise<void> none;
  };
  auto left = std::make_shared<Left>(workers_.size());
  std::future<void> drained = left->none.get_future();
  for (const auto& worker : workers_) {
    worker->Drain([left] {
      if (--left->workers == 0) left->none.set_value();
    });
  }
  drained.wait_for(limit);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(ServerOptions options) {
  auto server = std::make_unique<ServerImpl>(std::move(options));
  RETURN_IF_ERROR(server->Start());
  return server;
}

}  // namespace sallyport::proxy

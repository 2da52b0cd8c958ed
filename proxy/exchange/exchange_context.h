#ifndef SALLYPORT_PROXY_EXCHANGE_EXCHANGE_CONTEXT_H_
#define SALLYPORT_PROXY_EXCHANGE_EXCHANGE_CONTEXT_H_

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "proxy/audit/audit_log.h"
#include "proxy/exchange/client_identity.h"
#include "proxy/exchange/snapshot.h"
#include "proxy/http/message_buffers.h"
#include "proxy/metrics/worker_metrics.h"
#include "proxy/upstream/pool.h"
#include "rules/authority.h"

namespace sallyport::proxy {

// What the exchanges and tunnels of one worker share. Lives as long as the worker.
struct ExchangeContext {
  http::CodecContext* codec = nullptr;
  upstream::Pool* pool = nullptr;
  const upstream::DialContext* dial = nullptr;
  metrics::WorkerMetrics* metrics = nullptr;
  // Null when there is no audit log.
  audit::AuditLog* audit = nullptr;
  // Filled in anew for each record: its strings keep their memory.
  audit::AuditRecord record;
  std::shared_ptr<const Snapshot> snapshot;
  // No byte for this long while a body is due.
  std::chrono::milliseconds stall_timeout = std::chrono::seconds(300);
  bool shutting_down = false;
};

// What an exchange must know of the connection that its request came on.
struct Channel {
  // The client's address, for the audit log.
  std::string client;
  // Who that is; null where processes cannot be told.
  ClientIdentity* identity = nullptr;
  // Set inside a CONNECT: every request must be for this.
  std::optional<rules::Authority> authority;
  // Set where plain HTTP was led here from its way to this: each request's Host says where it is
  // for, and this if it has none.
  std::optional<rules::Authority> captured;
  // Inside a CONNECT: whether the client spoke TLS there.
  bool tls = false;
  // Upstream connections are bound to this channel (upstream::Pool::Bind).
  bool has_bound_upstream = false;
  // Requests of this channel authenticate the connection that they are sent on.
  bool http1_only = false;

  // What `decided_by` says of `authority`, kept until another snapshot is in force.
  std::shared_ptr<const Snapshot> decided_by;
  rules::HostDecision decision;
  rules::NetworkDecision network;
  rules::RuleIndexes candidates;

  // Writes what is known of the client.
  void Describe(audit::AuditRecord* record) const;
};

}  // namespace sallyport::proxy

#endif  // SALLYPORT_PROXY_EXCHANGE_EXCHANGE_CONTEXT_H_

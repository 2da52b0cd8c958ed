#ifndef SALLYPORT_PROXY_AUDIT_AUDIT_RECORD_H_
#define SALLYPORT_PROXY_AUDIT_AUDIT_RECORD_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/attributes.h"
#include "base/clock.h"

namespace sallyport::audit {

enum class AuditEvent { kRequest, kTunnel, kDenied, kPolicy, kCredential, kLifecycle };

// What is written about one request, tunnel, refusal or change. Empty text and absent numbers are
// written as null. None of the fields may hold a secret, a header's value or a query.
struct AuditRecord {
  // When it ended; AuditLog::Record() fills it in where it is not set.
  WallTime time = {};
  AuditEvent event = AuditEvent::kRequest;
  // The client's address, and, where they are known, its process and program.
  std::string client;
  std::optional<int64_t> pid;
  std::string binary;
  std::string method;
  std::string scheme;
  std::string host;
  uint16_t port = 0;
  // Without the query.
  std::string path;
  std::string protocol;
  std::string upstream_protocol;
  // "allowed", "denied", or "audited" where a policy that only audits let pass what it would have
  // refused; and the pattern or rule that decided.
  std::string decision;
  std::string by;
  // The credential rule that was applied: "credentials[0]".
  std::string rule;
  // Names of the header fields that received a credential.
  std::vector<std::string> injected;
  // 0 is absent.
  int status = 0;
  // Of the bodies, or of a tunnel's two directions.
  uint64_t request_bytes = 0;
  uint64_t response_bytes = 0;
  double duration_ms = 0;
  // From the upstream's being ready to the end of its reply; absent if it was never asked.
  std::optional<double> upstream_ms;
  // How many times a secret was taken out of the reply.
  uint64_t scrubbed = 0;
  // The reply's body was not looked into, since the upstream had encoded it.
  bool scrub_skipped = false;
  std::string error;

  // As new, but for the memory that the strings have, which is used again.
  ABSL_ATTRIBUTE_REINITIALIZES void Clear();
};

}  // namespace sallyport::audit

#endif  // SALLYPORT_PROXY_AUDIT_AUDIT_RECORD_H_

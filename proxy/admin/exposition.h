#ifndef SALLYPORT_PROXY_ADMIN_EXPOSITION_H_
#define SALLYPORT_PROXY_ADMIN_EXPOSITION_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "proxy/metrics/worker_metrics.h"

namespace sallyport::admin {

// Everything that /metrics tells, gathered at one moment.
struct Report {
  metrics::WorkerMetrics workers;  // of all workers together
  // Open connections, by what is spoken on them ("http/1.1", "tunnel").
  std::map<std::string, uint64_t, std::less<>> client_connections;
  std::map<std::string, uint64_t, std::less<>> upstream_connections;
  metrics::PoolCounts pool;
  uint64_t certificates_minted = 0;
  struct Credential {
    std::string rule;
    bool has_value = false;
    double age_seconds = 0;
    uint64_t errors = 0;
  };
  std::vector<Credential> credentials;
  // Counts the configurations that came into force.
  uint64_t policy_version = 0;
  bool gateway_connected = false;
  uint64_t audit_dropped = 0;
};

// In Prometheus' text exposition format 0.0.4, with what is customary about the process itself
// (proc(5)). Label sets are bounded: rules are named by the configuration, hosts by nobody.
std::string MetricsText(const Report& report);

}  // namespace sallyport::admin

#endif  // SALLYPORT_PROXY_ADMIN_EXPOSITION_H_

#include "proxy/metrics/worker_metrics.h"

#include <algorithm>

namespace sallyport::metrics {

void Histogram::Observe(double seconds) {
  const auto bound = std::lower_bound(kBounds.begin(), kBounds.end(), seconds);
  ++counts_[static_cast<size_t>(bound - kBounds.begin())];
  sum_ += seconds;
}

void Histogram::Add(const Histogram& other) {
  for (size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  sum_ += other.sum_;
}

Protocol ParseProtocol(std::string_view alpn) {
  const auto found = std::find(kProtocolNames.begin(), kProtocolNames.end(), alpn);
  if (found == kProtocolNames.end()) return Protocol::kUnknown;
  return static_cast<Protocol>(found - kProtocolNames.begin());
}

RuleCounts& WorkerMetrics::ForRule(std::string_view name) {
  const auto found = rules.find(name);
  if (found != rules.end()) return found->second;
  return rules.emplace(name, RuleCounts()).first->second;
}

void WorkerMetrics::Add(const WorkerMetrics& other) {
  for (const auto& [name, counts] : other.rules) {
    RuleCounts& sum = rules[name];
    for (size_t denied = 0; denied < std::size(sum.requests); ++denied) {
      for (size_t protocol = 0; protocol < kProtocolNames.size(); ++protocol) {
        for (size_t status = 0; status < RuleCounts::kStatusClasses; ++status) {
          sum.requests[denied][protocol][status] += counts.requests[denied][protocol][status];
        }
      }
    }
    sum.injections += counts.injections;
    sum.scrubbed += counts.scrubbed;
  }
  for (const auto& [reason, count] : other.denied) denied[reason] += count;
  request_duration.Add(other.request_duration);
  upstream_duration.Add(other.upstream_duration);
  client_handshakes.full += other.client_handshakes.full;
  client_handshakes.resumed += other.client_handshakes.resumed;
  upstream_handshakes.full += other.upstream_handshakes.full;
  upstream_handshakes.resumed += other.upstream_handshakes.resumed;
}

}  // namespace sallyport::metrics

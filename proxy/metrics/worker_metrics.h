#ifndef SALLYPORT_PROXY_METRICS_WORKER_METRICS_H_
#define SALLYPORT_PROXY_METRICS_WORKER_METRICS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace sallyport::metrics {

// How often each range of durations was seen.
class Histogram {
 public:
  // Upper bounds in seconds; what is longer than the last one has a place of its own.
  static constexpr std::array<double, 16> kBounds = {
      0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60};

  void Observe(double seconds);
  void Add(const Histogram& other);

  // Not cumulative; the last one is beyond every bound.
  const std::array<uint64_t, kBounds.size() + 1>& counts() const { return counts_; }
  double sum() const { return sum_; }

 private:
  std::array<uint64_t, kBounds.size() + 1> counts_ = {};
  double sum_ = 0;
};

// What a client speaks to the proxy, as far as it is counted apart.
enum class Protocol : uint8_t { kHttp10, kHttp11, kHttp2, kUnknown };
inline constexpr std::array<std::string_view, 4> kProtocolNames = {"http/1.0", "http/1.1", "h2",
                                                                   "unknown"};
Protocol ParseProtocol(std::string_view alpn);

// Requests under one credential rule, or under none.
struct RuleCounts {
  // Statuses have three digits; 0 where none was sent.
  static constexpr size_t kStatusClasses = 10;

  // By denied, Protocol, and first digit of the status.
  uint64_t requests[2][kProtocolNames.size()][kStatusClasses] = {};
  uint64_t injections = 0;
  uint64_t scrubbed = 0;
};

struct HandshakeCounts {
  uint64_t full = 0;
  uint64_t resumed = 0;

  void Count(bool was_resumed) { ++(was_resumed ? resumed : full); }
};

// Connections to upstreams, now.
struct PoolCounts {
  uint64_t idle = 0;
  uint64_t active = 0;
  // By protocol, idle and active together.
  uint64_t http1 = 0;
  uint64_t http2 = 0;
  uint64_t dialling = 0;
  uint64_t waiting = 0;  // requests, for a connection of an origin that has as many as it may
};

// What one worker has counted. Belongs to the worker's thread; others get copies. No name in it
// comes from a client, so that what a client does cannot make it grow.
struct WorkerMetrics {
  // By the rule's name; "" where no rule applied.
  std::map<std::string, RuleCounts, std::less<>> rules;
  // By the code of the refusal ("host_denied").
  std::map<std::string_view, uint64_t> denied;
  Histogram request_duration;
  Histogram upstream_duration;
  HandshakeCounts client_handshakes;
  HandshakeCounts upstream_handshakes;

  RuleCounts& ForRule(std::string_view name);
  void Add(const WorkerMetrics& other);
};

}  // namespace sallyport::metrics

#endif  // SALLYPORT_PROXY_METRICS_WORKER_METRICS_H_

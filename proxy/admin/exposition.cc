#include "proxy/admin/exposition.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <limits>
#include <string_view>
#include <utility>

#include "proxy/admin/process_stats.h"

namespace sallyport::admin {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

using Labels = std::vector<ClientMetric::Label>;

// A family that is filled sample by sample.
class Family {
 public:
  Family(std::vector<MetricFamily>* families, std::string name, std::string help, MetricType type)
      : families_(families), index_(families->size()) {
    families->push_back({std::move(name), std::move(help), type, {}});
  }

  void Sample(double value, Labels labels = {}) {
    ClientMetric& metric = Add(std::move(labels));
    if ((*families_)[index_].type == MetricType::Counter) {
      metric.counter.value = value;
    } else {
      metric.gauge.value = value;
    }
  }

  void Sample(const metrics::Histogram& histogram) {
    ClientMetric& metric = Add({});
    uint64_t count = 0;
    for (size_t i = 0; i < histogram.counts().size(); ++i) {
      count += histogram.counts()[i];
      const bool is_bounded = i < metrics::Histogram::kBounds.size();
      ClientMetric::Bucket bucket;
      bucket.cumulative_count = count;
      bucket.upper_bound =
          is_bounded ? metrics::Histogram::kBounds[i] : std::numeric_limits<double>::infinity();
      metric.histogram.bucket.push_back(bucket);
    }
    metric.histogram.sample_count = count;
    metric.histogram.sample_sum = histogram.sum();
  }

 private:
  ClientMetric& Add(Labels labels) {
    ClientMetric& metric = (*families_)[index_].metric.emplace_back();
    metric.label = std::move(labels);
    return metric;
  }

  std::vector<MetricFamily>* families_;
  size_t index_;
};

// Families in the order in which they are written.
class Exposition {
 public:
  Family Counter(std::string name, std::string help) {
    return {&families_, std::move(name), std::move(help), MetricType::Counter};
  }
  Family Gauge(std::string name, std::string help) {
    return {&families_, std::move(name), std::move(help), MetricType::Gauge};
  }
  Family Histogram(std::string name, std::string help) {
    return {&families_, std::move(name), std::move(help), MetricType::Histogram};
  }
  std::string Text() const { return prometheus::TextSerializer().Serialize(families_); }

 private:
  std::vector<MetricFamily> families_;
};

std::string StatusClass(size_t first_digit) {
  return first_digit == 0 ? "none" : std::to_string(first_digit) + "xx";
}

void AddRequests(const metrics::WorkerMetrics& workers, Exposition* out) {
  Family requests = out->Counter("sallyport_requests_total", "Requests that have ended.");
  for (const auto& [rule, counts] : workers.rules) {
    for (size_t denied = 0; denied < std::size(counts.requests); ++denied) {
      for (size_t protocol = 0; protocol < metrics::kProtocolNames.size(); ++protocol) {
        for (size_t status = 0; status < metrics::RuleCounts::kStatusClasses; ++status) {
          const uint64_t count = counts.requests[denied][protocol][status];
          if (count == 0) continue;
          requests.Sample(static_cast<double>(count),
                          {{"decision", denied != 0 ? "denied" : "allowed"},
                           {"rule", rule},
                           {"protocol", std::string(metrics::kProtocolNames[protocol])},
                           {"status_class", StatusClass(status)}});
        }
      }
    }
  }
  Family injections =
      out->Counter("sallyport_injections_total", "Requests that a rule wrote its credential into.");
  for (const auto& [rule, counts] : workers.rules) {
    if (!rule.empty()) injections.Sample(static_cast<double>(counts.injections), {{"rule", rule}});
  }
  Family scrubbed = out->Counter("sallyport_scrubbed_total",
                                 "Occurrences of a secret that were taken out of replies.");
  for (const auto& [rule, counts] : workers.rules) {
    if (!rule.empty()) scrubbed.Sample(static_cast<double>(counts.scrubbed), {{"rule", rule}});
  }
  Family denied = out->Counter("sallyport_denied_total", "Requests and connections refused.");
  for (const auto& [reason, count] : workers.denied) {
    denied.Sample(static_cast<double>(count), {{"reason", std::string(reason)}});
  }
  out->Histogram("sallyport_request_duration_seconds",
                 "From a request's head to the end of its reply.")
      .Sample(workers.request_duration);
  out->Histogram("sallyport_upstream_duration_seconds",
                 "The part of it in which an upstream connection was held.")
      .Sample(workers.upstream_duration);
}

void AddConnections(const Report& report, Exposition* out) {
  Family connections = out->Gauge("sallyport_connections", "Open connections.");
  for (const auto& [protocol, count] : report.client_connections) {
    connections.Sample(static_cast<double>(count), {{"side", "client"}, {"protocol", protocol}});
  }
  for (const auto& [protocol, count] : report.upstream_connections) {
    connections.Sample(static_cast<double>(count), {{"side", "upstream"}, {"protocol", protocol}});
  }
  Family pool = out->Gauge("sallyport_upstream_pool",
                           "Connections to upstreams, and requests that wait for one.");
  const std::pair<const char*, uint64_t> states[] = {{"idle", report.pool.idle},
                                                     {"active", report.pool.active},
                                                     {"dialling", report.pool.dialling},
                                                     {"waiting", report.pool.waiting}};
  for (const auto& [state, count] : states) {
    pool.Sample(static_cast<double>(count), {{"state", state}});
  }
  Family handshakes = out->Counter("sallyport_tls_handshakes_total", "TLS handshakes done.");
  const std::pair<const char*, const metrics::HandshakeCounts&> sides[] = {
      {"client", report.workers.client_handshakes},
      {"upstream", report.workers.upstream_handshakes}};
  for (const auto& [side, counts] : sides) {
    handshakes.Sample(static_cast<double>(counts.full), {{"side", side}, {"resumed", "false"}});
    handshakes.Sample(static_cast<double>(counts.resumed), {{"side", side}, {"resumed", "true"}});
  }
  out->Counter("sallyport_certificates_minted_total", "Leaf certificates signed by this run's CA.")
      .Sample(static_cast<double>(report.certificates_minted));
}

void AddCredentials(const Report& report, Exposition* out) {
  Family age = out->Gauge("sallyport_credential_age_seconds",
                          "Since the rule's credential was obtained; absent while it has none.");
  for (const Report::Credential& credential : report.credentials) {
    if (credential.has_value) age.Sample(credential.age_seconds, {{"rule", credential.rule}});
  }
  Family errors = out->Counter("sallyport_credential_errors_total",
                               "Times the rule's source gave no usable value.");
  for (const Report::Credential& credential : report.credentials) {
    errors.Sample(static_cast<double>(credential.errors), {{"rule", credential.rule}});
  }
}

void AddProcess(Exposition* out) {
  const ProcessStats stats = ReadProcessStats();
  out->Counter("process_cpu_seconds_total", "User and system CPU time.").Sample(stats.cpu_seconds);
  out->Gauge("process_resident_memory_bytes", "Resident memory.").Sample(stats.resident_bytes);
  out->Gauge("process_virtual_memory_bytes", "Virtual memory.").Sample(stats.virtual_bytes);
  out->Gauge("process_start_time_seconds", "Start, since the epoch.").Sample(stats.start_time);
  out->Gauge("process_threads", "Threads.").Sample(stats.threads);
  out->Gauge("process_open_fds", "Open descriptors.").Sample(stats.open_fds);
  out->Gauge("process_max_fds", "Descriptors that may be open.").Sample(stats.max_fds);
}

}  // namespace

std::string MetricsText(const Report& report) {
  Exposition out;
  out.Gauge("sallyport_build_info", "Always 1; the labels say what runs.")
      .Sample(1, {{"version", SALLYPORT_VERSION}});
  AddRequests(report.workers, &out);
  AddConnections(report, &out);
  AddCredentials(report, &out);
  out.Gauge("sallyport_policy_version", "Configurations that have come into force.")
      .Sample(static_cast<double>(report.policy_version));
  out.Gauge("sallyport_gateway_connected", "1 while a gateway's stream is open.")
      .Sample(report.gateway_connected ? 1 : 0);
  out.Counter("sallyport_audit_dropped_total", "Audit records that were not written.")
      .Sample(static_cast<double>(report.audit_dropped));
  AddProcess(&out);
  return out.Text();
}

}  // namespace sallyport::admin

// What the audit log adds to a request's CPU time.

#include <benchmark/benchmark.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <ctime>
#include <string>
#include <thread>
#include <utility>

#include "bench/allocation_counter.h"
#include "proxy/audit/audit_log.h"
#include "proxy/audit/json_lines.h"

namespace sallyport::audit {
namespace {

void Fill(AuditRecord* record) {
  record->client = "127.0.0.1:47110";
  record->method = "POST";
  record->scheme = "https";
  record->host = "api.example.com";
  record->port = 443;
  record->path = "/v1/organizations/1234/messages";
  record->protocol = "http/1.1";
  record->upstream_protocol = "http/1.1";
  record->decision = "allowed";
  record->by = "allowedDomains[2]";
  record->rule = "credentials[0]";
  record->injected.emplace_back("authorization");
  record->status = 200;
  record->request_bytes = 1024;
  record->response_bytes = 1024;
  record->duration_ms = 0.137;
  record->upstream_ms = 0.098;
}

double ProcessCpuSeconds() {
  timespec time;
  if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) != 0) std::abort();
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

void BM_FormatRecord(benchmark::State& state) {
  JsonLines lines("");
  AuditRecord record;
  Fill(&record);
  record.time = std::chrono::system_clock::now();
  std::string text;
  const bench::AllocationCounter counter(state);
  for (auto _ : state) {
    text.clear();
    lines.Append(record, &text);
    benchmark::DoNotOptimize(text.data());
  }
}
BENCHMARK(BM_FormatRecord);

// CPU time of the whole process, the writer thread's share included, for a record that is filled,
// queued, formatted and written. Bursts of what 30 ms of traffic make, with a rest between, so that
// the writer works as it does in the proxy.
void BM_RecordWholeProcess(benchmark::State& state) {
  constexpr int kBurst = 1000;
  std::string path = "/tmp/sallyport-audit-benchmark.XXXXXX";
  if (const int fd = mkstemp(path.data()); fd < 0 || close(fd) != 0) std::abort();
  auto log = AuditLog::Open(path);
  if (!log.ok()) std::abort();
  AuditRecord record;
  const uint64_t allocations = bench::AllocationCount();
  for (auto _ : state) {
    const double before = ProcessCpuSeconds();
    for (int i = 0; i < kBurst; ++i) {
      record.Clear();
      Fill(&record);
      (*log)->Record(record);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    state.SetIterationTime((ProcessCpuSeconds() - before) / kBurst);
  }
  state.counters["allocs/record"] =
      benchmark::Counter(static_cast<double>(bench::AllocationCount() - allocations) / kBurst,
                         benchmark::Counter::kAvgIterations);
  state.counters["dropped"] = static_cast<double>((*log)->dropped());
  log->reset();
  unlink(path.c_str());
}
BENCHMARK(BM_RecordWholeProcess)->Iterations(50)->UseManualTime();

}  // namespace
}  // namespace sallyport::audit

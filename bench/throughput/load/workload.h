#ifndef SALLYPORT_BENCH_THROUGHPUT_LOAD_WORKLOAD_H_
#define SALLYPORT_BENCH_THROUGHPUT_LOAD_WORKLOAD_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bench/throughput/load/http1_connection.h"
#include "bench/throughput/load/tally.h"
#include "bench/throughput/wire/clock.h"

namespace sallyport::bench {

// Everything a workload is made of; outlives it.
struct Setting {
  EventLoop loop;
  Route route;
  Exchange exchange;
  std::string request_head;
};

// A number of connections and a plan when each does what.
class Workload {
 public:
  virtual ~Workload() = default;

  // Works until `until`, then finishes what is under way, so that what is counted is whole. Returns
  // with nothing under way and connections left as they are.
  virtual void Run(TimePoint until) = 0;

  Tally& tally() { return tally_; }

 protected:
  Tally tally_;
};

enum class Reuse {
  kConnection,  // request after request on the connections that are there
  kNothing,     // a connection for each request
  kHandshake,   // connections without any request
};

// `connections` clients, each of which begins again as soon as it has its reply.
std::unique_ptr<Workload> MakeClosedLoop(Setting* setting, int connections, Reuse reuse);

// Requests that are due `per_second` times a second, whether those before them have come back or
// not. Latency counts from when a request was due, so that a stall is charged to all that it held
// up (no coordinated omission). A request waits when all `connections` are busy.
std::unique_ptr<Workload> MakePaced(Setting* setting, int connections, double per_second);

// Opens `connections`, sends one request on each, and keeps them. The first Run does it all.
std::unique_ptr<Workload> MakeIdle(Setting* setting, int connections);

// One HTTP/2 connection that has `streams` requests under way at any time.
std::unique_ptr<Workload> MakeHttp2Streams(Setting* setting, int streams);

}  // namespace sallyport::bench

#endif  // SALLYPORT_BENCH_THROUGHPUT_LOAD_WORKLOAD_H_

#ifndef SALLYPORT_BENCH_THROUGHPUT_LOAD_TALLY_H_
#define SALLYPORT_BENCH_THROUGHPUT_LOAD_TALLY_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "bench/throughput/load/histogram.h"

namespace sallyport::bench {

// What happened since the counting began.
struct Tally {
  uint64_t done = 0;  // replies that were right; connections, where a run sends no requests
  uint64_t errors = 0;
  uint64_t opened = 0;
  uint64_t resumed = 0;  // of those opened
  std::string first_error;
  Histogram latency;

  void Error(std::string_view reason) {
    if (errors++ == 0) first_error = reason;
  }
};

}  // namespace sallyport::bench

#endif  // SALLYPORT_BENCH_THROUGHPUT_LOAD_TALLY_H_

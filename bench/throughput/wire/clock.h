#ifndef SALLYPORT_BENCH_THROUGHPUT_WIRE_CLOCK_H_
#define SALLYPORT_BENCH_THROUGHPUT_WIRE_CLOCK_H_

#include <chrono>

namespace sallyport::bench {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using Duration = Clock::duration;

}  // namespace sallyport::bench

#endif  // SALLYPORT_BENCH_THROUGHPUT_WIRE_CLOCK_H_

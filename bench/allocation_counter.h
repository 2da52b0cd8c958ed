#ifndef SALLYPORT_BENCH_ALLOCATION_COUNTER_H_
#define SALLYPORT_BENCH_ALLOCATION_COUNTER_H_

#include <cstdint>

#include <benchmark/benchmark.h>

namespace sallyport::bench {

// How often operator new has been called since the program started. Linking allocation_counter.cc
// replaces it for the whole program.
uint64_t AllocationCount();

// Counts the allocations of a benchmark's loop and reports them as "allocs/op". Make it right
// before the loop.
class AllocationCounter {
 public:
  explicit AllocationCounter(benchmark::State& state) : state_(state), start_(AllocationCount()) {}
  ~AllocationCounter() {
    state_.counters["allocs/op"] = benchmark::Counter(
        static_cast<double>(AllocationCount() - start_), benchmark::Counter::kAvgIterations);
  }
  AllocationCounter(const AllocationCounter&) = delete;
  AllocationCounter& operator=(const AllocationCounter&) = delete;

 private:
  benchmark::State& state_;
  uint64_t start_;
};

}  // namespace sallyport::bench

#endif  // SALLYPORT_BENCH_ALLOCATION_COUNTER_H_

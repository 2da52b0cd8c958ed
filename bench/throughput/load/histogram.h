#ifndef SALLYPORT_BENCH_THROUGHPUT_LOAD_HISTOGRAM_H_
#define SALLYPORT_BENCH_THROUGHPUT_LOAD_HISTOGRAM_H_

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstdint>

namespace sallyport::bench {

// Counts of durations with a relative error below 1 % at any scale: 128 buckets for each power of
// two of nanoseconds, as HdrHistogram has them.
class Histogram {
 public:
  void Add(std::chrono::nanoseconds duration) {
    const uint64_t value = std::max<int64_t>(duration.count(), 0);
    ++counts_[BucketOf(value)];
    ++total_;
    highest_ = std::max(highest_, value);
  }

  // The duration that `share` (0 to 1) of all durations do not exceed; 0 without any.
  std::chrono::nanoseconds Quantile(double share) const {
    const auto wanted = static_cast<uint64_t>(std::ceil(share * static_cast<double>(total_)));
    uint64_t seen = 0;
    for (size_t bucket = 0; bucket < counts_.size(); ++bucket) {
      seen += counts_[bucket];
      if (seen >= std::max<uint64_t>(wanted, 1)) {
        return std::chrono::nanoseconds(std::min(HighestOf(bucket), highest_));
      }
    }
    return std::chrono::nanoseconds(0);
  }

  std::chrono::nanoseconds highest() const { return std::chrono::nanoseconds(highest_); }
  void Clear() { *this = Histogram(); }

 private:
  static constexpr int kBits = 7;
  static constexpr uint64_t kPerPower = 1 << kBits;

  // Values below kPerPower have a bucket each; above, the kBits after the leading one count.
  static size_t BucketOf(uint64_t value) {
    if (value < kPerPower) return value;
    const int power = std::bit_width(value) - 1 - kBits;
    return (power + 1) * kPerPower + ((value >> power) - kPerPower);
  }
  static uint64_t HighestOf(size_t bucket) {
    if (bucket < kPerPower) return bucket;
    const uint64_t power = bucket / kPerPower - 1;
    return ((bucket % kPerPower + kPerPower + 1) << power) - 1;
  }

  std::array<uint64_t, (64 - kBits + 1) * kPerPower> counts_{};
  uint64_t total_ = 0;
  uint64_t highest_ = 0;
};

}  // namespace sallyport::bench

#endif  // SALLYPORT_BENCH_THROUGHPUT_LOAD_HISTOGRAM_H_

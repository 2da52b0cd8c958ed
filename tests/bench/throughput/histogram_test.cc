#include "bench/throughput/load/histogram.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace sallyport::bench {
namespace {

using std::chrono::nanoseconds;

TEST(HistogramTest, IsWithinOnePercentAtEveryScale) {
  for (uint64_t value = 1; value < (uint64_t{1} << 62); value = value * 3 / 2 + 1) {
    Histogram histogram;
    histogram.Add(nanoseconds(value));
    // A longer one, for the bucket's own bound to count and not the highest value.
    histogram.Add(nanoseconds(INT64_MAX));
    const auto found = static_cast<double>(histogram.Quantile(0.5).count());
    EXPECT_GE(found, static_cast<double>(value));
    EXPECT_LE(found, static_cast<double>(value) * 1.01);
  }
}

TEST(HistogramTest, QuantilesCountFromTheShortest) {
  Histogram histogram;
  for (int i = 1; i <= 100; ++i) histogram.Add(nanoseconds(i));
  EXPECT_EQ(histogram.Quantile(0.5), nanoseconds(50));
  EXPECT_EQ(histogram.Quantile(0.9), nanoseconds(90));
  EXPECT_EQ(histogram.Quantile(0.99), nanoseconds(99));
  EXPECT_EQ(histogram.Quantile(1), nanoseconds(100));
  EXPECT_EQ(histogram.highest(), nanoseconds(100));
}

TEST(HistogramTest, IsZeroWithoutDurations) {
  Histogram histogram;
  EXPECT_EQ(histogram.Quantile(0.5), nanoseconds(0));
  histogram.Add(nanoseconds(5));
  histogram.Clear();
  EXPECT_EQ(histogram.Quantile(0.5), nanoseconds(0));
  EXPECT_EQ(histogram.highest(), nanoseconds(0));
}

}  // namespace
}  // namespace sallyport::bench

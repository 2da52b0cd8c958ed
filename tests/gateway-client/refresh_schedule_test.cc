#include "gateway-client/refresh_schedule.h"

#include <gtest/gtest.h>

#include <chrono>

namespace sallyport::sources {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr SteadyTime kStart = SteadyTime(seconds(1000));

TEST(RefreshScheduleTest, IsDueAtOnceAndKnowsNoExpiryBeforeTheFirstSuccess) {
  const RefreshSchedule schedule(seconds(300));
  EXPECT_LE(schedule.next_start(), kStart);
  EXPECT_EQ(schedule.expires(), SteadyTime::max());
}

TEST(RefreshScheduleTest, RenewsEarlyEnoughForACommandThatTakesItsWholeLimit) {
  RefreshSchedule schedule(seconds(300));
  schedule.Succeeded(kStart);
  EXPECT_EQ(schedule.expires(), kStart + seconds(300));
  EXPECT_EQ(schedule.next_start(), kStart + seconds(265));
}

TEST(RefreshScheduleTest, RenewsShortLivedValuesAtHalfTheirLife) {
  RefreshSchedule schedule(seconds(3));
  schedule.Succeeded(kStart);
  EXPECT_EQ(schedule.next_start(), kStart + milliseconds(1500));
}

TEST(RefreshScheduleTest, FailuresBackOffToAMinuteAndDoNotProlongTheValue) {
  RefreshSchedule schedule(seconds(300));
  schedule.Succeeded(kStart);
  for (int wait : {1, 2, 4, 8, 16, 32, 60, 60}) {
    schedule.Failed(kStart);
    EXPECT_EQ(schedule.next_start(), kStart + seconds(wait));
  }
  EXPECT_EQ(schedule.expires(), kStart + seconds(300));
}

TEST(RefreshScheduleTest, SuccessEndsTheBackOff) {
  RefreshSchedule schedule(seconds(300));
  schedule.Failed(kStart);
  schedule.Failed(kStart);
  schedule.Succeeded(kStart);
  schedule.Failed(kStart);
  EXPECT_EQ(schedule.next_start(), kStart + seconds(1));
}

}  // namespace
}  // namespace sallyport::sources

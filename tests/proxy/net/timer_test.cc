#include "proxy/net/timer.h"

#include <gtest/gtest.h>

#include <memory>

namespace sallyport::net {
namespace {

using std::chrono::milliseconds;

TEST(TimerTest, FiresOnceAndNotBeforeItsDeadlineThoughMovedLater) {
  EventLoop loop;
  int fired = 0;
  uint64_t at = 0;
  Timer timer(&loop, [&] {
    ++fired;
    at = loop.now_ms();
    loop.Stop();
  });
  const uint64_t start = loop.now_ms();
  timer.Start(milliseconds(5));
  timer.Start(milliseconds(40));
  loop.Run();
  EXPECT_EQ(fired, 1);
  EXPECT_GE(at - start, 40u);
  EXPECT_FALSE(timer.running());
}

TEST(TimerTest, AStoppedTimerDoesNotFire) {
  EventLoop loop;
  bool fired = false;
  Timer stopped(&loop, [&] { fired = true; });
  Timer later(&loop, [&] { loop.Stop(); });
  stopped.Start(milliseconds(1));
  stopped.Stop();
  later.Start(milliseconds(10));
  loop.Run();
  EXPECT_FALSE(fired);
}

TEST(TimerTest, MayBeDestroyedByItsOwnCallback) {
  EventLoop loop;
  std::unique_ptr<Timer> timer;
  timer = std::make_unique<Timer>(&loop, [&] {
    timer.reset();
    loop.Stop();
  });
  timer->Start(milliseconds(1));
  loop.Run();
  EXPECT_EQ(timer, nullptr);
}

}  // namespace
}  // namespace sallyport::net

#include "proxy/net/mailbox.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace sallyport::net {
namespace {

TEST(MailboxTest, MessagesOfAThreadRunInItsOrderOnTheLoop) {
  EventLoop loop;
  Mailbox mailbox(&loop);
  std::vector<int> seen;
  std::thread::id ran_on;
  std::thread poster([&] {
    for (int i = 0; i < 1000; ++i) {
      mailbox.Post([&seen, i] { seen.push_back(i); });
    }
    mailbox.Post([&] {
      ran_on = std::this_thread::get_id();
      loop.Stop();
    });
  });
  loop.Run();
  poster.join();
  ASSERT_EQ(seen.size(), 1000u);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(seen[static_cast<size_t>(i)], i);
  EXPECT_EQ(ran_on, std::this_thread::get_id());
}

}  // namespace
}  // namespace sallyport::net

#include "supervisor/sandbox_processes.h"

#include <gtest/gtest.h>

namespace sallyport::supervisor {
namespace {

TEST(SocketLinkTest, HoldsTheInodeAlone) {
  EXPECT_EQ(ParseSocketLink("socket:[4711]"), 4711u);
  EXPECT_EQ(ParseSocketLink("socket:[0]"), 0u);
  for (const std::string_view other :
       {"", "socket:[", "socket:[]", "socket:[12", "socket:[12]x", "socket:[-1]", "socket:[1 2]",
        "pipe:[4711]", "/tmp/socket:[4711]", "socket:[99999999999999999999999]"}) {
    EXPECT_EQ(ParseSocketLink(other), std::nullopt) << other;
  }
}

}  // namespace
}  // namespace sallyport::supervisor

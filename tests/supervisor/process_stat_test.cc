#include "supervisor/process_stat.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

namespace sallyport::supervisor {
namespace {

// Fields 4 to 20, and one more.
std::string Line(std::string_view name, char state, int flags, int threads) {
  return "77 (" + std::string(name) + ") " + state + " 5 6 7 -1 8 " + std::to_string(flags) +
         " 18446744073709551615 0 0 0 1 2 3 4 20 0 " + std::to_string(threads) + " 0";
}

TEST(ProcessStatTest, NamesMayLookLikeFields) {
  for (const std::string_view name : {"cat", "", ") Z 9 9", "a b", ")", "\n"}) {
    const auto stat = ParseProcessStat(Line(name, 'S', 4194304, 3));
    ASSERT_TRUE(stat.has_value()) << name;
    EXPECT_EQ(stat->state, 'S');
    EXPECT_EQ(stat->parent, 5);
    EXPECT_EQ(stat->flags, 4194304u);
    EXPECT_EQ(stat->threads, 3u);
    EXPECT_FALSE(stat->is_over());
  }
}

TEST(ProcessStatTest, WhatIsCutShortIsNoStat) {
  const std::string line = Line("cat", 'S', 0, 1);
  for (size_t size = 0; size < line.size() - 3; ++size) {
    EXPECT_FALSE(ParseProcessStat(line.substr(0, size)).has_value()) << size;
  }
  EXPECT_FALSE(ParseProcessStat("77 (cat) S x y z").has_value());
}

TEST(ProcessStatTest, AProcessIsOverWithItsLastThread) {
  EXPECT_TRUE(ParseProcessStat(Line("x", 'Z', 0, 1))->is_over());
  EXPECT_TRUE(ParseProcessStat(Line("x", 'X', 0, 0))->is_over());
  EXPECT_TRUE(ParseProcessStat(Line("x", 'R', 4, 1))->is_over());
  EXPECT_FALSE(ParseProcessStat(Line("x", 'Z', 0, 2))->is_over());
}

TEST(ProcessStatTest, TheKernelsOwn) {
  const auto stat = ReadProcessStat(AT_FDCWD, "/proc/self/stat");
  ASSERT_TRUE(stat.has_value());
  EXPECT_EQ(stat->parent, getppid());
  EXPECT_EQ(stat->state, 'R');
  EXPECT_GE(stat->threads, 1u);
  EXPECT_FALSE(ReadProcessStat(AT_FDCWD, "/proc/0/stat").has_value());
}

}  // namespace
}  // namespace sallyport::supervisor

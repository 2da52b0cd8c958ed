#include "rules/placeholder_shape.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

namespace sallyport::rules {
namespace {

using ::testing::MatchesRegex;

TEST(PlaceholderShapeTest, IsRandomHexadecimalByDefault) {
  EXPECT_THAT(PlaceholderShape().Fill(), MatchesRegex("sallyport-[0-9a-f]{32}"));
  EXPECT_NE(PlaceholderShape().Fill(), PlaceholderShape().Fill());
}

TEST(PlaceholderShapeTest, FillsEachRunFromItsAlphabet) {
  const auto shape =
      PlaceholderShape::Parse("a-{hex:3}.{digit:3}{lower:3}_{upper:4}{alnum:9}-{base64url:40}=");
  ASSERT_TRUE(shape.ok()) << shape.status();
  for (int i = 0; i < 50; ++i) {
    EXPECT_THAT(
        shape->Fill(),
        MatchesRegex("a-[0-9a-f]{3}\\.[0-9]{3}[a-z]{3}_[A-Z]{4}[A-Za-z0-9]{9}-[A-Za-z0-9_-]{40}="));
  }
}

TEST(PlaceholderShapeTest, UsesEveryCharacterOfAnAlphabetAboutEquallyOften) {
  const auto shape = PlaceholderShape::Parse("{digit:1000}");
  ASSERT_TRUE(shape.ok());
  std::array<int, 10> counts = {};
  for (int i = 0; i < 20; ++i) {
    for (const char c : shape->Fill()) ++counts[static_cast<size_t>(c - '0')];
  }
  // Of 20,000 each digit has 2,000 with a standard deviation of 42.
  for (const int count : counts) EXPECT_NEAR(count, 2000, 300);
}

TEST(PlaceholderShapeTest, RefusesWhatIsNoShape) {
  for (const char* text : {"", "sk-abc", "{hex}", "{hex:}", "{hex:0}", "{hex:2000}", "{hex:32",
                           "{hex:3x}", "{:32}", "{letters:32}", "{hex:15}", "a b{hex:32}",
                           "{hex:-1}", "{digit:19}", "x}{", "{hex:1000}{hex:1000}"}) {
    EXPECT_FALSE(PlaceholderShape::Parse(text).ok()) << text;
  }
  EXPECT_TRUE(PlaceholderShape::Parse("{hex:16}").ok());
  EXPECT_TRUE(PlaceholderShape::Parse("{digit:20}").ok());
}

}  // namespace
}  // namespace sallyport::rules

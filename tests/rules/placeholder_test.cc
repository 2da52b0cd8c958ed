#include "rules/placeholder.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>

namespace sallyport::rules {
namespace {

using ::testing::ElementsAre;
using ::testing::MatchesRegex;

using Entry = PlaceholderIndex::Entry;

// "position:placeholder" of the first hit, or "".
std::string First(const PlaceholderIndex& index, std::string_view text, size_t from = 0) {
  const auto hit = index.Find(text, from);
  if (!hit.has_value()) return "";
  EXPECT_EQ(index.entries()[hit->entry].placeholder, text.substr(hit->position, hit->length));
  return fmt::format("{}:{}", hit->position, index.entries()[hit->entry].placeholder);
}

// What Find promises, said in the plainest way.
std::string FirstByHand(const PlaceholderIndex& index, std::string_view text, size_t from) {
  for (size_t at = from; at < text.size(); ++at) {
    std::string_view longest;
    for (const Entry& entry : index.entries()) {
      if (text.substr(at).starts_with(entry.placeholder) &&
          entry.placeholder.size() > longest.size()) {
        longest = entry.placeholder;
      }
    }
    if (!longest.empty()) return fmt::format("{}:{}", at, longest);
  }
  return "";
}

TEST(MakePlaceholderTest, IsAPrefixAndFreshRandomDigits) {
  std::set<std::string> made;
  for (int i = 0; i < 1000; ++i) made.insert(MakePlaceholder());
  EXPECT_EQ(made.size(), 1000u);
  for (const std::string& placeholder : made) {
    EXPECT_THAT(placeholder, MatchesRegex("sallyport-[0-9a-f]{32}"));
  }
}

TEST(PlaceholderIndexTest, AnEmptyIndexFindsNothing) {
  EXPECT_TRUE(PlaceholderIndex().empty());
  EXPECT_EQ(PlaceholderIndex().Find("anything"), std::nullopt);
  EXPECT_TRUE(PlaceholderIndex({{.placeholder = "", .rules = {1}}}).empty());
}

TEST(PlaceholderIndexTest, FindsTheFirstAnywhereInTheText) {
  const PlaceholderIndex index({{.placeholder = "sallyport-aaaa", .rules = {0}},
                                {.placeholder = "sk-ant-bbbb", .rules = {1}}});
  EXPECT_EQ(First(index, "sallyport-aaaa"), "0:sallyport-aaaa");
  EXPECT_EQ(First(index, "Bearer sallyport-aaaa"), "7:sallyport-aaaa");
  EXPECT_EQ(First(index, "sk-ant-bbbb sallyport-aaaa"), "0:sk-ant-bbbb");
  EXPECT_EQ(First(index, "sk-ant-bbbb sallyport-aaaa", 1), "12:sallyport-aaaa");
  EXPECT_EQ(First(index, "sk-ant-bbbb sallyport-aaaa", 13), "");
  EXPECT_EQ(First(index, "sallyport-aaab"), "");
  EXPECT_EQ(First(index, "sallyport-aaa"), "");
  EXPECT_EQ(First(index, "Sallyport-aaaa"), "");
  EXPECT_EQ(First(index, ""), "");
  EXPECT_EQ(First(index, "sallyport-aaaa", 100), "");
}

TEST(PlaceholderIndexTest, TakesTheLongestOfThoseThatBeginTogether) {
  const PlaceholderIndex index({{.placeholder = "placeholder", .rules = {0}},
                                {.placeholder = "placeholder-and-more", .rules = {1}},
                                {.placeholder = "more-and-more", .rules = {2}}});
  EXPECT_EQ(First(index, "x placeholder-and-more-and-more"), "2:placeholder-and-more");
  EXPECT_EQ(First(index, "x placeholder-and-mor"), "2:placeholder");
  EXPECT_EQ(First(index, "x placeholder-and-more-and-more", 3), "18:more-and-more");
}

TEST(PlaceholderIndexTest, MergesEqualPlaceholders) {
  const PlaceholderIndex index({{.placeholder = "same-same-same", .rules = {3, 1}},
                                {.placeholder = "other-other", .rules = {2}},
                                {.placeholder = "same-same-same", .rules = {0, 3}}});
  ASSERT_EQ(index.entries().size(), 2u);
  const auto hit = index.Find("same-same-same");
  ASSERT_TRUE(hit.has_value());
  EXPECT_THAT(index.entries()[hit->entry].rules, ElementsAre(0, 1, 3));
}

TEST(PlaceholderIndexTest, AgreesWithASearchByHand) {
  // Few letters and short placeholders make overlaps, shared windows and near misses common.
  std::mt19937 random(20260102);
  const auto text = [&random](size_t length) {
    std::string result;
    while (result.size() < length) result.push_back(static_cast<char>('a' + random() % 2));
    return result;
  };
  for (int round = 0; round < 3000; ++round) {
    std::vector<Entry> entries;
    const size_t shortest = round % 2 == 0 ? 1 : 8;
    for (size_t i = 0; i <= random() % 6; ++i) {
      entries.push_back({.placeholder = text(shortest + random() % 6), .rules = {0}});
    }
    const PlaceholderIndex index(std::move(entries));
    const std::string haystack = text(random() % 60);
    for (size_t from = 0; from <= haystack.size(); ++from) {
      ASSERT_EQ(First(index, haystack, from), FirstByHand(index, haystack, from))
          << haystack << " from " << from;
    }
  }
}

}  // namespace
}  // namespace sallyport::rules

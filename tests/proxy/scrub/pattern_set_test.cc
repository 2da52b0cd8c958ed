#include "proxy/scrub/pattern_set.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <tuple>
#include <vector>

namespace sallyport::scrub {
namespace {

PatternSet Make(const std::vector<std::string>& patterns) {
  std::vector<SecretString> secrets;
  for (const std::string& pattern : patterns) secrets.emplace_back(pattern);
  return PatternSet(secrets);
}

// Begin, end and number of each hit.
using Found = std::vector<std::tuple<size_t, size_t, uint32_t>>;

Found Search(const PatternSet& set, std::string_view text, size_t* partial) {
  Hits hits;
  *partial = set.Search(text, &hits);
  Found found;
  for (const Hit& hit : hits) {
    found.emplace_back(hit.begin, hit.end, set.Original(hit.pattern));
  }
  return found;
}

// As the class comment says it, letter by letter.
Found NaiveSearch(const std::vector<std::string>& patterns, std::string_view text,
                  size_t* partial) {
  Found found;
  *partial = text.size();
  for (size_t at = 0; at < text.size(); ++at) {
    Found here;
    for (uint32_t i = 0; i < patterns.size(); ++i) {
      const bool seen =
          std::find(patterns.begin(), patterns.begin() + i, patterns[i]) != patterns.begin() + i;
      if (seen) continue;
      const std::string_view there = text.substr(at, patterns[i].size());
      if (!patterns[i].starts_with(there)) continue;
      if (there.size() == patterns[i].size()) {
        here.emplace_back(at, at + there.size(), i);
      } else {
        *partial = std::min(*partial, at);
      }
    }
    std::sort(here.begin(), here.end(),
              [](const auto& a, const auto& b) { return std::get<1>(a) > std::get<1>(b); });
    found.insert(found.end(), here.begin(), here.end());
  }
  return found;
}

TEST(PatternSetTest, AnEmptySetFindsNothing) {
  size_t partial = 0;
  EXPECT_TRUE(Search(PatternSet(), "anything", &partial).empty());
  EXPECT_EQ(partial, 8u);
  EXPECT_TRUE(PatternSet().empty());
}

TEST(PatternSetTest, FindsAPatternAtEveryPlace) {
  const std::string pattern = "a-secret-of-some-length";
  const PatternSet set = Make({pattern});
  for (size_t before = 0; before < 200; ++before) {
    for (const size_t after : {0, 1, 50}) {
      const std::string text = std::string(before, '.') + pattern + std::string(after, '.');
      size_t partial = 0;
      EXPECT_EQ(Search(set, text, &partial), (Found{{before, before + pattern.size(), 0}}));
      EXPECT_EQ(partial, text.size());
    }
  }
}

TEST(PatternSetTest, TellsWhereAnUnfinishedPatternBegins) {
  const std::string pattern = "a-secret-of-some-length, and longer than one step of the search is";
  const PatternSet set = Make({pattern, "other-one"});
  for (size_t size = 1; size < pattern.size(); ++size) {
    for (size_t before = 0; before < 80; ++before) {
      const std::string text = std::string(before, '.') + pattern.substr(0, size);
      size_t partial = 0;
      EXPECT_TRUE(Search(set, text, &partial).empty());
      EXPECT_EQ(partial, before) << size;
    }
  }
}

TEST(PatternSetTest, APatternThatBeginsALongerOneIsBothFoundAndUnfinished) {
  const PatternSet set = Make({"abcdef", "abcdefghi"});
  size_t partial = 0;
  EXPECT_EQ(Search(set, "..abcdef", &partial), (Found{{2, 8, 0}}));
  EXPECT_EQ(partial, 2u);
  EXPECT_EQ(Search(set, "..abcdefghi.", &partial), (Found{{2, 11, 1}, {2, 8, 0}}));
  EXPECT_EQ(partial, 12u);
}

TEST(PatternSetTest, EqualPatternsCountOnce) {
  const PatternSet set = Make({"zzzz-1", "abcd", "abcd"});
  size_t partial = 0;
  EXPECT_EQ(Search(set, "abcd", &partial), (Found{{0, 4, 1}}));
}

TEST(PatternSetTest, StepsAsFarAsTheShortestPatternLets) {
  EXPECT_EQ(Make({"abcd"}).stride(), 1u);
  EXPECT_EQ(Make({std::string(40, 'a'), std::string(60, 'b')}).stride(), 37u);
  EXPECT_EQ(Make({std::string(4000, 'a')}).stride(), 64u);
}

// Few letters, so that patterns overlap, begin each other and nearly occur all the time.
TEST(PatternSetTest, AgreesWithANaiveSearch) {
  std::mt19937 random(20240229);
  const auto make = [&random](size_t size, int letters) {
    std::string text;
    while (text.size() < size) {
      text.push_back(static_cast<char>('a' + random() % static_cast<unsigned>(letters)));
    }
    return text;
  };
  for (int round = 0; round < 3000; ++round) {
    const int letters = 1 + round % 4;
    std::vector<std::string> patterns;
    for (size_t i = 0; i < 1 + random() % 6; ++i) {
      patterns.push_back(make(4 + random() % (round % 7 == 0 ? 120 : 12), letters));
    }
    std::string text = make(random() % 300, letters);
    // Long ones would hardly ever occur by chance.
    if (text.size() > 10) text.insert(random() % text.size(), patterns[0]);
    if (random() % 2 == 0) text += patterns.back().substr(0, random() % patterns.back().size());
    size_t partial = 0;
    size_t naive_partial = 0;
    const Found found = Search(Make(patterns), text, &partial);
    ASSERT_EQ(found, NaiveSearch(patterns, text, &naive_partial)) << text;
    ASSERT_EQ(partial, naive_partial) << text;
    Hits whole;
    Make(patterns).SearchWhole(text, &whole);
    ASSERT_EQ(whole.size(), found.size()) << text;
  }
}

}  // namespace
}  // namespace sallyport::scrub

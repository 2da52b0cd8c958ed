#include "proxy/scrub/scrubber.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace sallyport::scrub {
namespace {

class ScrubberTest : public testing::Test {
 protected:
  void Use(std::string_view value, std::vector<std::string_view> formatted = {}) {
    set_ = ScrubSet(value, formatted);
    Begin();
  }
  void Begin() {
    scrubber_.Begin(&set_);
    out_.clear();
    writes_ = 0;
  }

  // What leaves at once.
  std::string Write(std::string_view bytes) {
    const size_t before = out_.size();
    scrubber_.Write(bytes, [this](std::string_view piece) { Take(piece); });
    return out_.substr(before);
  }
  std::string Release() {
    const size_t before = out_.size();
    scrubber_.Release([this](std::string_view piece) { Take(piece); });
    return out_.substr(before);
  }
  std::string Finish() {
    const size_t before = out_.size();
    scrubber_.Finish([this](std::string_view piece) { Take(piece); });
    return out_.substr(before);
  }
  void Take(std::string_view piece) {
    EXPECT_FALSE(piece.empty());
    out_.append(piece);
    ++writes_;
  }

  // The result for a stream cut at the given sizes, the last one again and again.
  std::string Whole(std::string_view text, const std::vector<size_t>& sizes) {
    Begin();
    for (size_t i = 0; !text.empty(); ++i) {
      const std::string piece(text.substr(0, sizes[std::min(i, sizes.size() - 1)]));
      text.remove_prefix(piece.size());
      Write(piece);
    }
    Finish();
    return out_;
  }

  ScrubSet set_;
  Scrubber scrubber_;
  std::string out_;
  int writes_ = 0;
};

TEST_F(ScrubberTest, WhatBeginsNothingLeavesAtOnce) {
  Use("s3cret-value");
  EXPECT_EQ(Write("data: an event\n\n"), "data: an event\n\n");
  EXPECT_EQ(Write("data: another\n\n"), "data: another\n\n");
  EXPECT_EQ(Finish(), "");
}

TEST_F(ScrubberTest, OnlyWhatMayBeginAnOccurrenceIsKeptBack) {
  Use("s3cret-value");
  EXPECT_EQ(Write("says s3cr"), "says ");
  EXPECT_EQ(Write("et-va"), "");
  EXPECT_EQ(Write("lue and s"), "************ and ");
  EXPECT_EQ(Write("3cure"), "s3cure");
  EXPECT_EQ(Write("s3cret-valu"), "");
  EXPECT_EQ(Finish(), "s3cret-valu");
  EXPECT_EQ(scrubber_.count(), 1u);
}

TEST_F(ScrubberTest, APieceIsNotCopied) {
  Use("s3cret-value");
  const std::string piece(1000, 'x');
  scrubber_.Write(piece, [&](std::string_view out) { EXPECT_EQ(out.data(), piece.data()); });
}

TEST_F(ScrubberTest, APieceWithAnOccurrenceLeavesInOnePiece) {
  Use("s3cret-value");
  EXPECT_EQ(Write("s3cret-value s3cret-value."), "************ ************.");
  EXPECT_EQ(writes_, 1);
}

TEST_F(ScrubberTest, CutAtEveryPlaceItIsTheSame) {
  Use("s3cret+/value", {"Basic dTpzM2NyZXQrL3ZhbHVl"});
  const std::string text =
      "{\"raw\":\"s3cret+/value\",\"url\":\"s3cret%2b%2fvalue s3cret%2B%2Fvalue\",\"b\":"
      "\"Basic dTpzM2NyZXQrL3ZhbHVl\",\"o\":\"xzM2NyZXQrL3ZhbHVlIQ\",\"s\":\"s3cret+\\/value\"}";
  const std::string expected = Whole(text, {text.size()});
  const uint64_t count = scrubber_.count();
  EXPECT_EQ(count, 6u) << expected;
  EXPECT_EQ(expected.size(), text.size());
  EXPECT_EQ(expected.find("value"), expected.npos);
  for (size_t first = 1; first < text.size(); ++first) {
    EXPECT_EQ(Whole(text, {first, text.size()}), expected) << first;
    EXPECT_EQ(scrubber_.count(), count);
    for (size_t second = 1; second < 8; ++second) {
      EXPECT_EQ(Whole(text, {first, second, text.size()}), expected) << first << ' ' << second;
    }
  }
  for (size_t size = 1; size < text.size(); ++size) {
    EXPECT_EQ(Whole(text, {size}), expected) << size;
    EXPECT_EQ(scrubber_.count(), count);
  }
}

TEST_F(ScrubberTest, AnOccurrenceIsFoundAtEveryPlaceOfALongStream) {
  Use("0123456789abcdefghijklmnopqrstuvwxyz");
  for (size_t before = 0; before < 300; ++before) {
    const std::string text =
        std::string(before, '.') + "0123456789abcdefghijklmnopqrstuvwxyz" + std::string(99, '.');
    const std::string expected =
        std::string(before, '.') + std::string(36, '*') + std::string(99, '.');
    EXPECT_EQ(Whole(text, {text.size()}), expected);
    EXPECT_EQ(Whole(text, {100}), expected);
  }
}

TEST_F(ScrubberTest, OccurrencesMayOverlapWhatIsKeptBack) {
  Use("abcab");
  EXPECT_EQ(Write("abcab"), "***");
  EXPECT_EQ(Write("cab"), "***");
  EXPECT_EQ(Finish(), "**");
  EXPECT_EQ(scrubber_.count(), 1u);
}

TEST_F(ScrubberTest, WhatIsReleasedLeavesOnce) {
  Use("s3cret-value");
  EXPECT_EQ(Release(), "");
  EXPECT_EQ(Write("a messages"), "a message");
  EXPECT_EQ(Release(), "s");
  EXPECT_EQ(Release(), "");
  EXPECT_EQ(Write("another s3"), "another ");
  EXPECT_EQ(Release(), "s3");
  EXPECT_EQ(Write("c"), "");
  EXPECT_EQ(Release(), "c");
  EXPECT_EQ(Finish(), "");
  EXPECT_EQ(out_, "a messagesanother s3c");
  EXPECT_EQ(scrubber_.count(), 0u);
}

TEST_F(ScrubberTest, AnOccurrenceThatIsPartlyReleasedIsOverwrittenFromThere) {
  Use("s3cret-value");
  EXPECT_EQ(Write("x s3cr"), "x ");
  EXPECT_EQ(Release(), "s3cr");
  EXPECT_EQ(Write("et-"), "");
  EXPECT_EQ(Release(), "et-");
  EXPECT_EQ(Write("value."), "*****.");
  EXPECT_EQ(scrubber_.count(), 1u);
  EXPECT_EQ(Finish(), "");
}

TEST_F(ScrubberTest, AnOccurrenceThatMayBePartOfALongerOneIsOverwrittenWhenReleased) {
  Use("s3cret&");
  EXPECT_EQ(Write("<s3cret&"), "<");
  EXPECT_EQ(Release(), "*******");
  // As HTML writes it.
  EXPECT_EQ(Write("amp;>"), "****>");
  EXPECT_EQ(scrubber_.count(), 1u);
}

TEST_F(ScrubberTest, OfABrokenStreamNothingLeavesThatMayBeMostOfTheValue) {
  Use("s3cret-value");
  const auto abandon = [this] {
    std::string rest;
    scrubber_.Abandon([&rest](std::string_view piece) { rest.append(piece); });
    return rest;
  };
  EXPECT_EQ(Write("words"), "word");
  EXPECT_EQ(abandon(), "s");
  Begin();
  EXPECT_EQ(Write("word s3cret-valu"), "word ");
  EXPECT_EQ(abandon(), "");
}

TEST_F(ScrubberTest, ClearForgetsWhatWasKeptBack) {
  Use("s3cret-value");
  Write("s3cret-");
  scrubber_.Clear();
  Begin();
  EXPECT_EQ(Write("value"), "value");
}

// What the result must be: every byte of the text that lies in an occurrence overwritten.
std::string NaiveScrub(std::string_view text, const std::vector<std::string>& patterns,
                       char filler) {
  std::string result(text);
  for (const std::string& pattern : patterns) {
    for (size_t at = text.find(pattern); at != text.npos; at = text.find(pattern, at + 1)) {
      std::fill_n(result.begin() + static_cast<std::ptrdiff_t>(at), pattern.size(), filler);
    }
  }
  return result;
}

TEST_F(ScrubberTest, AgreesWithANaiveScrubberHoweverItIsCut) {
  std::mt19937 random(7);
  const auto make = [&random](size_t size) {
    std::string text;
    while (text.size() < size) text.push_back("ab"[random() % 2]);
    return text;
  };
  for (int round = 0; round < 2000; ++round) {
    const std::string value = make(5 + random() % 10);
    const std::string other = make(5 + random() % 10);
    Use(value, {other});
    // Letters are their own JSON, URL and HTML; base64 of them has other letters.
    std::vector<std::string> patterns = {value};
    if (other.find(value) == other.npos) patterns.push_back(other);
    const std::string text = make(random() % 200);
    std::vector<size_t> sizes;
    for (int i = 0; i < 20; ++i) sizes.push_back(1 + random() % 30);
    ASSERT_EQ(Whole(text, sizes), NaiveScrub(text, patterns, set_.filler())) << text;
  }
}

}  // namespace
}  // namespace sallyport::scrub

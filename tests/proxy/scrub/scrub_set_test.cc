#include "proxy/scrub/scrub_set.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/escaping.h"

namespace sallyport::scrub {
namespace {

std::string Scrub(const ScrubSet& set, std::string_view text, uint64_t* count = nullptr) {
  Arena arena;
  uint64_t ignored = 0;
  return std::string(set.Scrub(text, &arena, count != nullptr ? count : &ignored));
}

ScrubSet Make(std::string_view value, std::vector<std::string_view> formatted = {}) {
  return {value, formatted};
}

TEST(ScrubSetTest, OverwritesEachOccurrenceByteByByte) {
  uint64_t count = 0;
  EXPECT_EQ(Scrub(Make("s3cret-value"), "a s3cret-value, s3cret-values.3cret-value", &count),
            "a ************, ************s.3cret-value");
  EXPECT_EQ(count, 2u);
}

TEST(ScrubSetTest, TextWithoutAnyIsReturnedItself) {
  const ScrubSet set = Make("s3cret-value");
  const std::string text = "nothing here";
  Arena arena;
  uint64_t count = 0;
  EXPECT_EQ(set.Scrub(text, &arena, &count).data(), text.data());
  EXPECT_EQ(count, 0u);
}

TEST(ScrubSetTest, WordsAroundTheValueStay) {
  EXPECT_EQ(Scrub(Make("s3cret-value", {"Bearer s3cret-value"}), "Bearer s3cret-value"),
            "Bearer ************");
}

TEST(ScrubSetTest, AFormWithoutTheValueIsLookedForItself) {
  const ScrubSet set = Make("s3cret-value", {"Basic dTpzM2NyZXQtdmFsdWU="});
  EXPECT_EQ(Scrub(set, "<Basic dTpzM2NyZXQtdmFsdWU=>"), "<**************************>");
  // Another user name, the same password.
  EXPECT_EQ(Scrub(set, "Basic dXNlcjpzM2NyZXQtdmFsdWU="), "Basic dXNlcjp***************U=");
}

TEST(ScrubSetTest, FindsEveryEncoding) {
  const std::string value = "sk-+/%&=\"x'";
  const ScrubSet set = Make(value);
  const std::vector<std::string> texts = {
      value,
      "sk-%2B%2F%25%26%3D%22x%27",
      "sk-%2b%2f%25%26%3d%22x%27",
      R"(sk-+/%&=\"x')",
      R"(sk-+\/%&=\"x')",
      R"(sk-+/%\u0026=\"x')",
      "sk-+/%&amp;=&quot;x&#39;",
      absl::Base64Escape(value),
      absl::WebSafeBase64Escape(value),
  };
  for (const std::string& text : texts) {
    uint64_t count = 0;
    const std::string scrubbed = Scrub(set, text, &count);
    EXPECT_EQ(scrubbed.size(), text.size());
    EXPECT_EQ(count, 1u) << text;
    EXPECT_EQ(Scrub(set, scrubbed, &count), scrubbed);
    EXPECT_EQ(count, 1u) << text;
  }
}

TEST(ScrubSetTest, FindsBase64ThatAnotherFormatEncodedAgain) {
  const std::string value = "\xfb\xff\xfe-0123456789";
  uint64_t count = 0;
  // "+//+LTAxMjM0NTY3ODk="
  Scrub(Make(value), R"("+\/\/+LTAxMjM0NTY3ODk=" ?a=%2B%2F%2F%2BLTAxMjM0NTY3ODk%3D)", &count);
  EXPECT_EQ(count, 2u);
}

TEST(ScrubSetTest, ValuesThatAreFoundEverywhereAreNotLookedFor) {
  EXPECT_TRUE(Make("").empty());
  EXPECT_TRUE(Make("key1").empty());
  EXPECT_EQ(Scrub(Make("key12"), "the key12"), "the *****");
  // What the rule makes of one may be long enough.
  const ScrubSet set = Make("key1", {"Token key1"});
  EXPECT_EQ(Scrub(set, "key1, Token key1"), "key1, **********");
}

TEST(ScrubSetTest, TheFillerIsNoPartOfThePatterns) {
  EXPECT_EQ(Make("plain-value").filler(), '*');
  const ScrubSet stars = Make("a**-**b");
  EXPECT_EQ(stars.filler(), '_');
  // What was overwritten makes no occurrence together with what stands there.
  EXPECT_EQ(Scrub(stars, "a**-a**-**b"), "a**-_______");
}

TEST(ScrubSetTest, OccurrencesThatOverlapAreOne) {
  uint64_t count = 0;
  EXPECT_EQ(Scrub(Make("abcab"), "xabcabcabx", &count), "x********x");
  EXPECT_EQ(count, 1u);
  EXPECT_EQ(Scrub(Make("abcab"), "abcababcab", &count), "**********");
  EXPECT_EQ(count, 3u);
}

TEST(ScrubSetTest, LargeValuesWork) {
  std::string value;
  for (int i = 0; i < 4000; ++i) value += std::to_string(i * i);
  EXPECT_GT(value.size(), size_t{16} * 1024);
  value.resize(size_t{16} * 1024);
  const ScrubSet set = Make(value);
  EXPECT_EQ(Scrub(set, "<" + value + ">"), "<" + std::string(value.size(), '*') + ">");
  EXPECT_EQ(Scrub(set, value.substr(1)), value.substr(1));
}

}  // namespace
}  // namespace sallyport::scrub

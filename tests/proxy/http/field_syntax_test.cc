#include "proxy/http/field_syntax.h"

#include <gtest/gtest.h>

namespace sallyport::http {
namespace {

TEST(FieldSyntaxTest, TokensHaveNoSeparators) {
  EXPECT_TRUE(IsToken("x-api-key"));
  EXPECT_TRUE(IsToken("!#$%&'*+-.^_`|~09azAZ"));
  for (std::string_view bad : {"", "a b", "a:", "a(b)", "a\tb", "a/b", "a\x80", "a\"b", "{a}"}) {
    EXPECT_FALSE(IsToken(bad)) << bad;
  }
}

TEST(FieldSyntaxTest, ValuesHaveNoControlBytesButTab) {
  EXPECT_TRUE(IsFieldValue("a\tb \xC3\xA9 \xFF"));
  EXPECT_TRUE(IsFieldValue(""));
  EXPECT_FALSE(IsFieldValue(std::string_view("a\0b", 3)));
  EXPECT_FALSE(IsFieldValue("a\rb"));
  EXPECT_FALSE(IsFieldValue("a\nb"));
  EXPECT_FALSE(IsFieldValue("a\x7F"));
}

TEST(FieldSyntaxTest, ContentLengthIsDigitsBelowTwoToThe63) {
  EXPECT_EQ(ParseContentLength("0"), 0u);
  EXPECT_EQ(ParseContentLength("0042"), 42u);
  EXPECT_EQ(ParseContentLength("9223372036854775807"), uint64_t{INT64_MAX});
  for (std::string_view bad : {"", "+5", "-1", "5,5", "5 5", "0x5", "1e3", "9223372036854775808",
                               "18446744073709551616", "99999999999999999999999"}) {
    EXPECT_FALSE(ParseContentLength(bad).has_value()) << bad;
  }
}

TEST(FieldSyntaxTest, FieldLinesAreReadStrictly) {
  HeaderList fields;
  EXPECT_TRUE(ParseFieldLines("X-One: 1\r\nX-Two:\t2 \r\n", 10, &fields));
  ASSERT_EQ(fields.size(), 2u);
  EXPECT_EQ(fields.Find("x-two")->value, "2");
  for (std::string_view bad : {"X-One 1\r\n", "X One: 1\r\n", "X-One : 1\r\n", ": 1\r\n",
                               " X: 1\r\n", "X: a\x01\r\n", "X: 1"}) {
    HeaderList none;
    EXPECT_FALSE(ParseFieldLines(bad, 10, &none)) << bad;
  }
  HeaderList few;
  EXPECT_FALSE(ParseFieldLines("A: 1\r\nB: 2\r\nC: 3\r\n", 2, &few));
}

}  // namespace
}  // namespace sallyport::http

#include "proxy/http/chunked_decoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace sallyport::http {
namespace {

struct Outcome {
  bool done = false;
  bool error = false;
  std::string body;
  std::string trailers;
  std::string rest;
};

// Feeds `input` in pieces of `piece` bytes.
Outcome DecodeAll(std::string_view input, size_t piece) {
  ChunkedDecoder decoder;
  Outcome outcome;
  while (!input.empty() && !outcome.done && !outcome.error) {
    std::string_view part = input.substr(0, piece);
    input.remove_prefix(part.size());
    while (true) {
      std::string_view data;
      const ChunkedDecoder::Result result = decoder.Decode(&part, &data);
      if (result == ChunkedDecoder::Result::kData) {
        outcome.body += data;
        continue;
      }
      outcome.done = result == ChunkedDecoder::Result::kDone;
      outcome.error = result == ChunkedDecoder::Result::kError;
      break;
    }
    if (outcome.done) outcome.rest = std::string(part) + std::string(input);
  }
  outcome.trailers = decoder.trailer_lines();
  return outcome;
}

TEST(ChunkedDecoderTest, DecodesWhateverTheReadsCutItInto) {
  const std::string input =
      "5\r\nhello\r\n"
      "6;name=value;other=\"quoted \\\" ; text\"\r\n world\r\n"
      "00A\r\n0123456789\r\n"
      "0\r\nX-One: 1\r\nX-Two: 2\r\n\r\nNEXT";
  for (size_t piece = 1; piece <= input.size(); ++piece) {
    const Outcome outcome = DecodeAll(input, piece);
    EXPECT_TRUE(outcome.done) << piece;
    EXPECT_EQ(outcome.body, "hello world0123456789") << piece;
    EXPECT_EQ(outcome.trailers, "X-One: 1\r\nX-Two: 2\r\n") << piece;
    EXPECT_EQ(outcome.rest, "NEXT") << piece;
  }
}

TEST(ChunkedDecoderTest, ALastChunkWithoutTrailersEndsTheBody) {
  const Outcome outcome = DecodeAll("0\r\n\r\nGET", 100);
  EXPECT_TRUE(outcome.done);
  EXPECT_EQ(outcome.trailers, "");
  EXPECT_EQ(outcome.rest, "GET");
}

class ChunkedDecoderRefusalTest : public testing::TestWithParam<std::string> {};

TEST_P(ChunkedDecoderRefusalTest, Refuses) {
  const std::string& input = GetParam();
  for (size_t piece : {size_t{1}, size_t{3}, input.size()}) {
    const Outcome outcome = DecodeAll(input, piece);
    EXPECT_TRUE(outcome.error) << testing::PrintToString(input);
    EXPECT_FALSE(outcome.done);
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, ChunkedDecoderRefusalTest,
                         testing::Values("\r\n", "-1\r\nx", "+5\r\nhello\r\n", "0x5\r\nhello\r\n",
                                         " 5\r\nhello\r\n", "5 \r\nhello\r\n", "g\r\n",
                                         "5\nhello\r\n", "5\r5\r\n", "5\rhello",
                                         "1234567890abcdef\r\n", "00000000000000005\r\nhello\r\n",
                                         "5_0\r\n"));
INSTANTIATE_TEST_SUITE_P(Extensions, ChunkedDecoderRefusalTest,
                         testing::Values("5;\r\nhello\r\n", "5;=v\r\nhello\r\n",
                                         "5;a=\r\nhello\r\n", "5;a=\"open\r\nhello\r\n",
                                         "5;a b\r\nhello\r\n", "5;a\nhello\r\n",
                                         "5;\"q\"\r\nhello\r\n", "5;a=b=c\r\nhello\r\n",
                                         "5;" + std::string(300, 'a') + "\r\nhello\r\n"));
INSTANTIATE_TEST_SUITE_P(Ends, ChunkedDecoderRefusalTest,
                         testing::Values("5\r\nhelloX\r\n", "5\r\nhello\n\r\n", "5\r\nhello\r\r",
                                         "0\r\n\n", "0\r\nX: 1\n\r\n", "0\r\nX: 1\rY: 2\r\n\r\n",
                                         "0\r\n" + std::string(70'000, 'a')));

}  // namespace
}  // namespace sallyport::http

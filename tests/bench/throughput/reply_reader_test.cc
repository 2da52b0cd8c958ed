#include <fmt/core.h>
#include <gtest/gtest.h>

#include <string>

#include "bench/throughput/load/exchange.h"
#include "bench/throughput/wire/body.h"

// A load generator that takes a wrong reply for a right one would praise a broken proxy.
namespace sallyport::bench {
namespace {

using State = ReplyReader::State;

Exchange TenBytes() {
  Exchange exchange;
  exchange.reply_length = 10;
  exchange.credential = "yes";
  return exchange;
}

std::string Reply(std::string_view status, std::string_view fields, std::string_view body) {
  return fmt::format("HTTP/1.1 {}\r\n{}\r\n{}", status, fields, body);
}

constexpr std::string_view kRightFields = "Content-Length: 10\r\nX-Credential: yes\r\n";

TEST(ReplyReaderTest, TakesTheReplyThatIsDueInPiecesOfAnySize) {
  const std::string reply = Reply("200 OK", kRightFields, BodyBytes(0, 10));
  const Exchange exchange = TenBytes();
  for (size_t size = 1; size <= reply.size(); ++size) {
    ReplyReader reader(&exchange);
    for (size_t at = 0; at < reply.size(); at += size) {
      const bool last = at + size >= reply.size();
      EXPECT_EQ(reader.Feed(std::string_view(reply).substr(at, size)),
                last ? State::kComplete : State::kIncomplete)
          << "pieces of " << size << " at " << at;
    }
    EXPECT_FALSE(reader.closes());
  }
}

TEST(ReplyReaderTest, RefusesEveryOtherReply) {
  const std::string body(BodyBytes(0, 10));
  const struct {
    const char* what;
    std::string reply;
  } cases[] = {
      {"status", Reply("403 Forbidden", kRightFields, body)},
      {"no credential", Reply("200 OK", "Content-Length: 10\r\nX-Credential: no\r\n", body)},
      {"no word on the credential", Reply("200 OK", "Content-Length: 10\r\n", body)},
      {"two words on it",
       Reply("200 OK", "Content-Length: 10\r\nX-Credential: yes\r\nX-Credential: yes\r\n", body)},
      {"length", Reply("200 OK", "Content-Length: 11\r\nX-Credential: yes\r\n", body)},
      {"no length", Reply("200 OK", "X-Credential: yes\r\n", body)},
      {"a byte", Reply("200 OK", kRightFields, body.substr(0, 9) + "!")},
      {"order", Reply("200 OK", kRightFields, BodyBytes(1, 10))},
      {"more bytes", Reply("200 OK", kRightFields, body + "x")},
  };
  const Exchange exchange = TenBytes();
  for (const auto& test : cases) {
    ReplyReader reader(&exchange);
    EXPECT_EQ(reader.Feed(test.reply), State::kWrong) << test.what;
    EXPECT_FALSE(reader.problem().empty()) << test.what;
  }
}

TEST(ReplyReaderTest, WantsTheOriginToHaveReceivedTheWholeUpload) {
  Exchange exchange = TenBytes();
  exchange.reply_length = 0;
  exchange.upload = 500;
  const auto answer = [&](std::string_view received) {
    ReplyReader reader(&exchange);
    return reader.Feed(
        Reply("200 OK", fmt::format("Content-Length: 0\r\nX-Credential: yes\r\n{}", received), ""));
  };
  EXPECT_EQ(answer("X-Received: 500\r\n"), State::kComplete);
  EXPECT_EQ(answer("X-Received: 499\r\n"), State::kWrong);
  EXPECT_EQ(answer(""), State::kWrong);
}

TEST(ReplyReaderTest, SaysWhenTheConnectionEndsWithTheReply) {
  const Exchange exchange = TenBytes();
  ReplyReader reader(&exchange);
  EXPECT_EQ(reader.Feed(Reply("200 OK", fmt::format("Connection: close\r\n{}", kRightFields),
                              BodyBytes(0, 10))),
            State::kComplete);
  EXPECT_TRUE(reader.closes());
  reader.Reset();
  EXPECT_FALSE(reader.closes());
}

}  // namespace
}  // namespace sallyport::bench

#include "proxy/http/h1_head_parser.h"

#include <gtest/gtest.h>

#include <string>

namespace sallyport::http {
namespace {

struct Parsed {
  HeadCollector::Result collected = HeadCollector::Result::kNeedMore;
  bool ok = false;
  bool keep_alive = false;
  HeadError error;
  RequestHead request;
  ResponseHead response;
  std::string rest;
};

class H1HeadParserTest : public testing::Test {
 protected:
  Parsed ParseRequest(std::string_view input, size_t piece = 1 << 20) {
    Parsed parsed = Collect(input, piece);
    if (parsed.collected == HeadCollector::Result::kComplete) {
      parsed.ok = ParseRequestHead(buffers_.get(), limits_, &parsed.request, &parsed.keep_alive,
                                   &parsed.error);
    }
    return parsed;
  }

  Parsed ParseResponse(std::string_view input, std::string_view method = "GET") {
    Parsed parsed = Collect(input, input.size());
    if (parsed.collected == HeadCollector::Result::kComplete) {
      parsed.ok = ParseResponseHead(buffers_.get(), limits_, method, &parsed.response,
                                    &parsed.keep_alive, &parsed.error);
    }
    return parsed;
  }

  Parsed Collect(std::string_view input, size_t piece) {
    buffers_ = pool_.Take();
    HeadCollector collector;
    Parsed parsed;
    while (!input.empty() && parsed.collected == HeadCollector::Result::kNeedMore) {
      std::string_view part = input.substr(0, piece);
      input.remove_prefix(part.size());
      parsed.collected = collector.Collect(&part, &buffers_->head, limits_);
      parsed.rest = part;
    }
    parsed.rest += input;
    return parsed;
  }

  BufferPool pool_;
  Limits limits_;
  MessageBuffersPtr buffers_;
};

TEST_F(H1HeadParserTest, ReadsARequestHoweverItArrives) {
  const std::string input =
      "\r\nPOST /v1/a?b=c HTTP/1.1\r\nHost: api.test\r\nX-Empty:\r\nX-Key:  spaced value \t\r\n"
      "Content-Length: 007\r\n\r\nthe body";
  for (size_t piece = 1; piece <= input.size(); ++piece) {
    const Parsed parsed = ParseRequest(input, piece);
    ASSERT_TRUE(parsed.ok) << piece << " " << parsed.error.message;
    EXPECT_EQ(parsed.request.method, "POST");
    EXPECT_EQ(parsed.request.path, "/v1/a?b=c");
    EXPECT_EQ(parsed.request.host, "api.test");
    EXPECT_EQ(parsed.request.headers.Find("x-empty")->value, "");
    EXPECT_EQ(parsed.request.headers.Find("x-key")->value, "spaced value");
    EXPECT_EQ(parsed.request.body.kind, BodyKind::kLength);
    EXPECT_EQ(parsed.request.body.length, 7u);
    EXPECT_EQ(parsed.request.headers.Find(HeaderId::kContentLength)->value, "7");
    EXPECT_TRUE(parsed.keep_alive);
    EXPECT_EQ(parsed.rest, "the body");
  }
}

TEST_F(H1HeadParserTest, SplitsEveryFormOfTarget) {
  const Parsed absolute = ParseRequest("GET http://a.test:8080?q HTTP/1.1\r\nHost: b\r\n\r\n");
  ASSERT_TRUE(absolute.ok);
  EXPECT_EQ(absolute.request.scheme, "http");
  EXPECT_EQ(absolute.request.authority, "a.test:8080");
  EXPECT_EQ(absolute.request.path, "/?q");
  const Parsed connect = ParseRequest(
      "CONNECT b\xC3\xBC"
      "cher.test:443 HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(connect.ok) << connect.error.message;
  EXPECT_EQ(connect.request.authority,
            "b\xC3\xBC"
            "cher.test:443");
  const Parsed options = ParseRequest("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(options.ok);
  EXPECT_EQ(options.request.path, "*");
}

TEST_F(H1HeadParserTest, KeepAliveFollowsVersionAndConnection) {
  EXPECT_FALSE(ParseRequest("GET / HTTP/1.0\r\n\r\n").keep_alive);
  EXPECT_TRUE(ParseRequest("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").keep_alive);
  EXPECT_FALSE(
      ParseRequest("GET / HTTP/1.1\r\nHost: a\r\nConnection: x, CLOSE\r\n\r\n").keep_alive);
}

TEST_F(H1HeadParserTest, AnUpgradeCountsOnlyWhenConnectionNamesIt) {
  EXPECT_EQ(ParseRequest("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n").request.upgrade,
            "");
  EXPECT_EQ(ParseRequest("GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\n"
                         "Upgrade: websocket\r\n\r\n")
                .request.upgrade,
            "websocket");
}

TEST_F(H1HeadParserTest, RefusesWhatTwoReadersCouldReadDifferently) {
  for (const std::string& input : std::initializer_list<std::string>{
           "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5,5\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551616\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n",
           "GET / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
           "GET / HTTP/1.1\nHost: a\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
           "GET / HTTP/1.1\r\nHost:\r\n a\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\r\nX:\r\n\tfolded\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n 5\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \r\n \r\n chunked\r\n\r\n",
           "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
           "GET / HTTP/1.1\r\nHost:\r\n\r\n",
           "GET / HTTP/1.1\r\nX: y\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\r\nX: a\x01\r\n\r\n",
           std::string("GET / HTTP/1.1\r\nHost: a\r\nX: a") + '\0' + "b\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
           "GET / HTTP/1.1\r\nHost: a\r\n: nothing\r\n\r\n",
           "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
           "GET /  HTTP/1.1\r\nHost: a\r\n\r\n",
           "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
           "GET /#x HTTP/1.1\r\nHost: a\r\n\r\n",
           "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
           "GET relative HTTP/1.1\r\nHost: a\r\n\r\n",
           "GET * HTTP/1.1\r\nHost: a\r\n\r\n",
           "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
           "GET / HTTP/1.2\r\nHost: a\r\n\r\n",
           "GET /\r\nHost: a\r\n\r\n",
           "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
           "\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
           "\x16\x03\x01\x02",
           "SSH-2.0-OpenSSH_9.2\r\n",
       }) {
    for (size_t piece : {size_t{1}, input.size()}) {
      const Parsed parsed = ParseRequest(input, piece);
      EXPECT_FALSE(parsed.ok) << testing::PrintToString(input);
      EXPECT_NE(parsed.collected, HeadCollector::Result::kNeedMore)
          << testing::PrintToString(input);
    }
  }
}

TEST_F(H1HeadParserTest, TheHeaderBlockIsBounded) {
  const std::string start = "GET / HTTP/1.1\r\nHost: a\r\n";
  EXPECT_EQ(ParseRequest(start + "X: " + std::string(65 * 1024, 'a') + "\r\n\r\n").collected,
            HeadCollector::Result::kTooLarge);
  EXPECT_EQ(ParseRequest(start + "X: " + std::string(200 * 1024, 'a'), 1000).collected,
            HeadCollector::Result::kTooLarge);
  EXPECT_TRUE(ParseRequest(start + "X: " + std::string(60 * 1024, 'a') + "\r\n\r\n").ok);
  std::string many = start;
  for (int i = 0; i < 300; ++i) many += "X: y\r\n";
  EXPECT_EQ(ParseRequest(many + "\r\n").collected, HeadCollector::Result::kTooLarge);
  EXPECT_EQ(
      ParseRequest("GET /" + std::string(70'000, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n").collected,
      HeadCollector::Result::kTooLarge);
}

TEST_F(H1HeadParserTest, TheAnswerIsTheSameHoweverTheBytesArrive) {
  using Result = HeadCollector::Result;
  limits_.max_head_bytes = 40;
  limits_.max_fields = 2;
  const std::string start = "GET / HTTP/1.1\r\n";
  const std::string value(50, 'v');
  const struct {
    std::string input;
    Result result;
  } cases[] = {
      {"\rGET / HTTP/1.1", Result::kMalformed},
      {"\r\n\r/", Result::kMalformed},
      {"\r\n\r\n\r\nG", Result::kMalformed},
      {start + "X: 1\n", Result::kMalformed},
      {start + "X: " + value + "\n", Result::kTooLarge},
      {start + "X: " + value + "\r\n\r\n", Result::kTooLarge},
      {"GET /" + value + "\n", Result::kTooLarge},
      {"nothing" + value + "\r\n", Result::kTooLarge},
      {start + "a:\r\nb:\r\nc:\r\n", Result::kTooLarge},
      {start + "a:\r\nb:\r\n\r\n", Result::kComplete},
      {start + "X: " + value.substr(0, 33) + "\r\n\r\n", Result::kComplete},
      {start + "X: " + value.substr(0, 34) + "\r\n\r\n", Result::kTooLarge},
      {start + "X: 1\r\n", Result::kNeedMore},
  };
  for (const auto& test : cases) {
    for (size_t piece = 1; piece <= test.input.size(); ++piece) {
      EXPECT_EQ(Collect(test.input, piece).collected, test.result) << piece << " " << test.input;
    }
  }
}

TEST_F(H1HeadParserTest, AReplysBodyFollowsFromStatusMethodAndFraming) {
  struct Case {
    std::string_view head;
    std::string_view method;
    BodyKind kind;
    bool keep_alive;
  };
  for (const Case& test : {
           Case{"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", "GET", BodyKind::kLength, true},
           Case{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "GET", BodyKind::kStreamed,
                true},
           Case{"HTTP/1.1 200 OK\r\n\r\n", "GET", BodyKind::kUntilClose, false},
           Case{"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n", "GET", BodyKind::kLength, false},
           Case{"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", "HEAD", BodyKind::kNone, true},
           Case{"HTTP/1.1 200 OK\r\n\r\n", "HEAD", BodyKind::kNone, true},
           Case{"HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\n", "GET", BodyKind::kNone,
                true},
           Case{"HTTP/1.1 304 Not Modified\r\n\r\n", "GET", BodyKind::kNone, true},
           Case{"HTTP/1.1 103 Early Hints\r\n\r\n", "GET", BodyKind::kNone, true},
           Case{"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "GET", BodyKind::kLength, true},
       }) {
    const Parsed parsed = ParseResponse(test.head, test.method);
    ASSERT_TRUE(parsed.ok) << test.head << parsed.error.message;
    EXPECT_EQ(parsed.response.body.kind, test.kind) << test.head;
    EXPECT_EQ(parsed.keep_alive, test.keep_alive) << test.head;
  }
}

TEST_F(H1HeadParserTest, RefusesMalformedReplies) {
  for (std::string_view input : {
           "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
           "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n",
           "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
           "HTTP/1.1 20 OK\r\n\r\n",
           "HTTP/1.1 2000 OK\r\n\r\n",
           "HTTP/1.1 abc OK\r\n\r\n",
           "HTTP/2 200 OK\r\n\r\n",
           "HTTP/1.1 200 OK\nContent-Length: 3\n\n",
           "HTTP/1.1 200 OK\r\nX y\r\n\r\n",
           "HTTP/1.1 200 OK\r\nContent-Length:\r\n 3\r\n\r\n",
           "garbage\r\n\r\n",
       }) {
    EXPECT_FALSE(ParseResponse(input).ok) << input;
  }
}

}  // namespace
}  // namespace sallyport::http

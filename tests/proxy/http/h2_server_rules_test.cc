// What RFC 9113 forbids a client, and how much of what it allows a client may do.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/proxy/http/h2_server_fixture.h"

namespace sallyport::http {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using H2ServerRulesTest = H2ServerTest;

// ---- What is refused

TEST_F(H2ServerRulesTest, HeadsThatNoRequestCanBeMadeOfGetAReply) {
  const struct {
    const char* what;
    FieldLines fields;
    const char* status;
  } cases[] = {
      {"Host differs", With(Get(), "host", "b.test"), "400"},
      {"fragment",
       {{":method", "GET"}, {":scheme", "https"}, {":authority", "a"}, {":path", "/#"}},
       "400"},
      {"lower-case method",
       {{":method", "get"}, {":scheme", "https"}, {":authority", "a"}, {":path", "/"}},
       "400"},
      {"scheme",
       {{":method", "GET"}, {":scheme", "ftp"}, {":authority", "a"}, {":path", "/"}},
       "400"},
      {"an unknown :protocol",
       {{":method", "CONNECT"},
        {":protocol", "connect-udp"},
        {":scheme", "https"},
        {":authority", "a"},
        {":path", "/"}},
       "400"},
  };
  uint32_t stream = 1;
  Connect();
  for (const auto& test : cases) {
    SCOPED_TRACE(test.what);
    Receive(Headers(stream, test.fields));
    EXPECT_THAT(TakeLines(), Contains(HasSubstr("HEADERS " + std::to_string(stream) +
                                                " :status=" + test.status)));
    stream += 2;
  }
  EXPECT_THAT(owner_.requests, IsEmpty());
  ExpectServes(stream);
}

TEST_F(H2ServerRulesTest, TooLargeAHeadGets431AndTheConnectionGoesOn) {
  Connect();
  // Too many fields.
  FieldLines many = Get();
  for (int i = 0; i < 257; ++i) many.emplace_back("x", "y");
  Receive(Headers(1, many));
  EXPECT_THAT(TakeLines(), Contains(HasSubstr("HEADERS 1 :status=431")));
  // Too many bytes, over several frames.
  FieldLines large = Get();
  for (int i = 0; i < 7; ++i) large.emplace_back("x", std::string(10'000, 'y'));
  std::string block = Block(large);
  std::string bytes =
      Frame(NGHTTP2_HEADERS, kEndStream, 3, std::string_view(block).substr(0, 16'000));
  block.erase(0, 16'000);
  while (block.size() > 16'000) {
    bytes += Frame(NGHTTP2_CONTINUATION, 0, 3, std::string_view(block).substr(0, 16'000));
    block.erase(0, 16'000);
  }
  Receive(bytes + Frame(NGHTTP2_CONTINUATION, kEndHeaders, 3, block));
  EXPECT_THAT(TakeLines(), Contains(HasSubstr("HEADERS 3 :status=431")));
  EXPECT_THAT(owner_.requests, IsEmpty());
  ExpectServes(5);
}

TEST_F(H2ServerRulesTest, ManyCrumbsAreOneCookie) {
  Connect();
  FieldLines fields = Get();
  for (int i = 0; i < 400; ++i) fields.emplace_back("cookie", "c=" + std::to_string(i));
  Receive(Headers(1, fields));
  ASSERT_EQ(owner_.requests.size(), 1U);
  EXPECT_EQ(owner_.last().head->headers.size(), 1U);
}

// RFC 9113 §8.1 - §8.3, §5.1, §5.3, §6.9: errors of one stream. The connection serves on.
TEST_F(H2ServerRulesTest, StreamErrorsEndTheirStreamAlone) {
  const auto data_end = [](std::string_view text) { return Data(1, text, kEndStream); };
  const struct {
    const char* what;
    std::string bytes;
    const char* code = "PROTOCOL_ERROR";
  } cases[] = {
      {"upper-case name", Headers(1, With(Get(), "X-Upper", "1"))},
      {"name with a space", Headers(1, With(Get(), "x y", "1"))},
      {"empty name", Headers(1, With(Get(), "", "1"))},
      {"NUL in a value", Headers(1, With(Get(), "x", std::string("a\0b", 3)))},
      {"CR in a value", Headers(1, With(Get(), "x", "a\rb"))},
      {"LF in a value", Headers(1, With(Get(), "x", "a\nb"))},
      {"value begins with a space", Headers(1, With(Get(), "x", " a"))},
      {"value ends with a tab", Headers(1, With(Get(), "x", "a\t"))},
      {"connection", Headers(1, With(Get(), "connection", "close"))},
      {"keep-alive", Headers(1, With(Get(), "keep-alive", "1"))},
      {"proxy-connection", Headers(1, With(Get(), "proxy-connection", "close"))},
      {"transfer-encoding", Headers(1, With(Get(), "transfer-encoding", "chunked"))},
      {"upgrade", Headers(1, With(Get(), "upgrade", "h2c"))},
      {"te", Headers(1, With(Get(), "te", "gzip"))},
      {"te list", Headers(1, With(Get(), "te", "trailers, gzip"))},
      {"no method", Headers(1, Without(Get(), ":method"))},
      {"no scheme", Headers(1, Without(Get(), ":scheme"))},
      {"no path", Headers(1, Without(Get(), ":path"))},
      {"no authority", Headers(1, Without(Get(), ":authority"))},
      {"empty path", Headers(1, With(Without(Get(), ":path"), ":path", ""))},
      {"relative path", Headers(1, With(Without(Get(), ":path"), ":path", "x"))},
      {"two methods", Headers(1, With(Get(), ":method", "GET"))},
      {"two paths", Headers(1, With(Get(), ":path", "/"))},
      {"two authorities", Headers(1, With(Get(), ":authority", "b.test"))},
      {"two hosts", Headers(1, With(With(Get(), "host", "a.test"), "host", "a.test"))},
      {"unknown pseudo-header field", Headers(1, With(Get(), ":x", "1"))},
      {"a reply's pseudo-header field", Headers(1, With(Get(), ":status", "200"))},
      {"pseudo-header field behind others",
       Headers(1, With(With(Without(Get(), ":path"), "x", "1"), ":path", "/"))},
      {":protocol without CONNECT", Headers(1, With(Get(), ":protocol", "websocket"))},
      {"CONNECT with a path",
       Headers(1, {{":method", "CONNECT"}, {":authority", "a:1"}, {":path", "/"}})},
      {"CONNECT without an authority", Headers(1, {{":method", "CONNECT"}})},
      {"extended CONNECT without a scheme", Headers(1, Without(WebSocket(), ":scheme"))},
      {"content-length is no number", Headers(1, With(Get(), "content-length", "x"))},
      {"content-length with a sign", Headers(1, With(Get(), "content-length", "+0"))},
      {"two content-lengths",
       Headers(1, With(With(Post(), "content-length", "1"), "content-length", "1"), kEndHeaders)},
      {"body promised and missing", Headers(1, With(Post(), "content-length", "1"))},
      {"body too short",
       Headers(1, With(Post(), "content-length", "5"), kEndHeaders) + data_end("1234")},
      {"body too long",
       Headers(1, With(Post(), "content-length", "5"), kEndHeaders) + data_end("123456")},
      {"trailers that do not end",
       Headers(1, Post(), kEndHeaders) + Headers(1, {{"x", "1"}}, kEndHeaders)},
      {"pseudo-header field in trailers",
       Headers(1, Post(), kEndHeaders) + Headers(1, {{":path", "/"}})},
      {"upper case in trailers", Headers(1, Post(), kEndHeaders) + Headers(1, {{"X", "1"}})},
      {"connection in trailers",
       Headers(1, Post(), kEndHeaders) + Headers(1, {{"connection", "x"}})},
      {"window past 2^31-1", Headers(1, Post(), kEndHeaders) + WindowUpdate(1, 0x7FFFFFFF),
       "FLOW_CONTROL_ERROR"},
  };
  for (const auto& test : cases) {
    SCOPED_TRACE(test.what);
    owner_.requests.clear();
    Connect();
    Receive(test.bytes);
    EXPECT_THAT(TakeLines(), Contains(std::string("RST 1 ") + test.code));
    for (const auto& request : owner_.requests) {
      EXPECT_THAT(request->events, ElementsAre(HasSubstr("gone")));
    }
    ExpectServes(3);
    server_.reset();
    RunTurn(&loop_);
  }
}

// RFC 9113 §3.4, §4, §5.1, §5.4.1, §6: errors of the connection. GOAWAY, and the end.
TEST_F(H2ServerRulesTest, ConnectionErrorsEndTheConnection) {
  const std::string eight(8, 'x');
  const struct {
    const char* what;
    std::string bytes;
    const char* code = "PROTOCOL_ERROR";
  } cases[] = {
      {"DATA on stream 0", Data(0, "x")},
      {"DATA on an idle stream", Data(1, "x")},
      {"DATA on a closed stream", Headers(1, Get()) + Data(1, "x"), "STREAM_CLOSED"},
      {"HEADERS on stream 0", Headers(0, Get())},
      {"an even stream", Headers(2, Get())},
      {"HEADERS behind the end", Headers(1, Get()) + Headers(1, Get()), "STREAM_CLOSED"},
      {"padding beyond the frame",
       Frame(NGHTTP2_HEADERS, kEndHeaders | NGHTTP2_FLAG_PADDED, 1, "\xFF" + Block(Get()))},
      {"DATA padding beyond the frame",
       Headers(1, Post(), kEndHeaders) + Frame(NGHTTP2_DATA, NGHTTP2_FLAG_PADDED, 1, "\x09x")},
      {"a block cut by another frame", Headers(1, Get(), kEndStream) + Ping()},
      {"a block cut by another stream", Headers(1, Get(), kEndStream) + Headers(3, Get())},
      {"CONTINUATION of nothing", Frame(NGHTTP2_CONTINUATION, kEndHeaders, 1, Block(Get()))},
      {"CONTINUATION on stream 0",
       Headers(1, Get(), kEndStream) + Frame(NGHTTP2_CONTINUATION, kEndHeaders, 0, "")},
      {"bad HPACK index", Frame(NGHTTP2_HEADERS, kEndHeaders | kEndStream, 1, "\xFF\xFF\xFF\x7F"),
       "COMPRESSION_ERROR"},
      {"HPACK table beyond the limit",
       Frame(NGHTTP2_HEADERS, kEndHeaders | kEndStream, 1, "\x3F\xFF\xFF\x03" + Block(Get())),
       "COMPRESSION_ERROR"},
      {"a frame too large", Frame(NGHTTP2_DATA, 0, 1, std::string(16'385, 'x')),
       "FRAME_SIZE_ERROR"},
      {"SETTINGS on a stream", Frame(NGHTTP2_SETTINGS, 0, 1, "")},
      {"SETTINGS of odd size", Frame(NGHTTP2_SETTINGS, 0, 0, "12345"), "FRAME_SIZE_ERROR"},
      {"SETTINGS ACK that says something", Frame(NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0, "123456"),
       "FRAME_SIZE_ERROR"},
      {"ENABLE_PUSH of 2", Settings({{NGHTTP2_SETTINGS_ENABLE_PUSH, 2}})},
      {"INITIAL_WINDOW_SIZE past 2^31-1",
       Settings({{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0x80000000}}), "FLOW_CONTROL_ERROR"},
      {"MAX_FRAME_SIZE too small", Settings({{NGHTTP2_SETTINGS_MAX_FRAME_SIZE, 16383}})},
      {"MAX_FRAME_SIZE too large", Settings({{NGHTTP2_SETTINGS_MAX_FRAME_SIZE, 1 << 24}})},
      {"PUSH_PROMISE from a client",
       Headers(1, Post(), kEndHeaders) +
           Frame(NGHTTP2_PUSH_PROMISE, kEndHeaders, 1, Number(2, 4) + Block(Get()))},
      {"PING on a stream", Frame(NGHTTP2_PING, 0, 1, eight)},
      {"PING of 7 bytes", Frame(NGHTTP2_PING, 0, 0, "1234567"), "FRAME_SIZE_ERROR"},
      {"GOAWAY on a stream", Frame(NGHTTP2_GOAWAY, 0, 1, eight)},
      {"RST_STREAM on stream 0", RstStream(0, 0)},
      {"RST_STREAM of an idle stream", RstStream(1, 0)},
      {"RST_STREAM of 3 bytes", Headers(1, Get()) + Frame(NGHTTP2_RST_STREAM, 0, 1, "123"),
       "FRAME_SIZE_ERROR"},
      {"WINDOW_UPDATE of an idle stream", WindowUpdate(1, 1)},
      {"WINDOW_UPDATE of nothing", WindowUpdate(0, 0)},
      {"WINDOW_UPDATE of nothing for a stream",
       Headers(1, Post(), kEndHeaders) + WindowUpdate(1, 0)},
      {"WINDOW_UPDATE of 3 bytes", Frame(NGHTTP2_WINDOW_UPDATE, 0, 0, "123"), "FRAME_SIZE_ERROR"},
      {"connection window past 2^31-1", WindowUpdate(0, 0x7FFFFFFF), "FLOW_CONTROL_ERROR"},
      {"PRIORITY on stream 0", Frame(NGHTTP2_PRIORITY, 0, 0, "12345")},
  };
  for (const auto& test : cases) {
    SCOPED_TRACE(test.what);
    owner_.requests.clear();
    owner_.done = false;
    Connect();
    Receive(test.bytes);
    EXPECT_THAT(TakeLines(), Contains(AllOf(HasSubstr("GOAWAY"), HasSubstr(test.code))));
    EXPECT_TRUE(owner_.done);
    EXPECT_TRUE(wire_.retired);
    for (const auto& request : owner_.requests) EXPECT_EQ(request->stream, nullptr);
    server_.reset();
    RunTurn(&loop_);
  }
}

TEST_F(H2ServerRulesTest, WhatIsNotHttp2Ends) {
  server_ = net::RetirePtr<H2Server>(
      new H2Server(&context_, net::TransportPtr(new FakeTransport(&loop_, &wire_)),
                   "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", &owner_));
  RunTurn(&loop_);
  EXPECT_TRUE(owner_.done);
  EXPECT_THAT(owner_.requests, IsEmpty());
}

TEST_F(H2ServerRulesTest, WhatNobodyKnowsIsIgnored) {
  Connect();
  Receive(Frame(0xEE, 0xFF, 0, "x") + Frame(0xEE, 0, 1, "x") + Settings({{0xEEEE, 1}}));
  ExpectServes(1);
}

// ---- Floods

TEST_F(H2ServerRulesTest, FloodsAreCutOff) {
  const std::string get = Headers(1, Get(), kEndHeaders);
  const struct {
    const char* what;
    std::string before;
    std::string (*frame)(uint32_t i);
    int limit;
  } cases[] = {
      {"rapid reset", "",
       [](uint32_t i) { return Headers(2 * i + 1, Get()) + RstStream(2 * i + 1, 8); }, 600},
      {"resets provoked", "",
       [](uint32_t i) {
         return Headers(2 * i + 1, Post(), kEndHeaders) + WindowUpdate(2 * i + 1, 0x7FFFFFFF);
       },
       600},
      {"malformed requests", "",
       [](uint32_t i) { return Headers(2 * i + 1, With(Get(), "te", "x")); }, 600},
      {"PING", "", [](uint32_t) { return Ping(); }, 3000},
      {"SETTINGS", "", [](uint32_t) { return Settings(); }, 3000},
      {"PRIORITY", "", [](uint32_t) { return Frame(NGHTTP2_PRIORITY, 0, 9, "12345"); }, 3000},
      {"empty DATA", get, [](uint32_t) { return Data(1, ""); }, 3000},
      {"WINDOW_UPDATE", "", [](uint32_t) { return WindowUpdate(0, 1); }, 3000},
  };
  for (const auto& test : cases) {
    SCOPED_TRACE(test.what);
    owner_.requests.clear();
    owner_.done = false;
    Connect();
    Receive(test.before);
    for (int i = 0; i < test.limit && !owner_.done; ++i) {
      Receive(test.frame(static_cast<uint32_t>(i)));
    }
    EXPECT_TRUE(owner_.done);
    EXPECT_THAT(TakeLines(), Contains(HasSubstr("ENHANCE_YOUR_CALM")));
    server_.reset();
    RunTurn(&loop_);
  }
}

TEST_F(H2ServerRulesTest, AnEndlessBlockIsCutOff) {
  Connect();
  std::string bytes = Headers(1, Get(), kEndStream);
  for (int i = 0; i < 32; ++i) bytes += Frame(NGHTTP2_CONTINUATION, 0, 1, Block({{"x", "y"}}));
  Receive(bytes);
  EXPECT_TRUE(owner_.done);
  EXPECT_THAT(TakeLines(), Contains(HasSubstr("ENHANCE_YOUR_CALM")));
  EXPECT_THAT(owner_.requests, IsEmpty());
}

TEST_F(H2ServerRulesTest, AcksThatNobodyReadsAreBounded) {
  Connect();
  wire_.blocked = true;
  Receive(Ping());
  for (int i = 0; i < 400 && !owner_.done; ++i) Receive(Ping());
  EXPECT_TRUE(owner_.done);
}

TEST_F(H2ServerRulesTest, StreamsBeyondTheLimitAreRefused) {
  Connect();
  for (uint32_t i = 0; i < H2Server::kMaxStreams; ++i) Receive(Headers(2 * i + 1, Get()));
  EXPECT_EQ(owner_.requests.size(), H2Server::kMaxStreams);
  EXPECT_EQ(server_->streams(), H2Server::kMaxStreams);
  Receive(Headers(2 * H2Server::kMaxStreams + 1, Get()));
  EXPECT_EQ(owner_.requests.size(), H2Server::kMaxStreams);
  EXPECT_THAT(TakeLines(), Contains(HasSubstr("PROTOCOL_ERROR")));
}

TEST_F(H2ServerRulesTest, AStreamBelowTheLastIsNotServed) {
  Connect();
  Receive(Headers(5, Get()) + Headers(3, Get()));
  EXPECT_EQ(owner_.requests.size(), 1U);
}

}  // namespace
}  // namespace sallyport::http

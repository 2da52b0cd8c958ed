#include "proxy/http/h2_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proxy/http/local_reply.h"
#include "proxy/http/websocket_handshake.h"
#include "tests/proxy/http/fake_transport.h"
#include "tests/proxy/http/h2_frames.h"

namespace sallyport::http {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// One request as the exchange would have it.
class TestRequest final : public RequestListener {
 public:
  TestRequest(ServerStream* its_stream, const RequestHead* its_head)
      : stream(its_stream), head(its_head) {
    stream->SetListener(this);
  }

  void OnRequestData(std::string_view bytes) override { body += bytes; }
  void OnRequestTrailers(const HeaderList& trailers) override {
    for (const Header& header : trailers) {
      events.push_back(std::string(header.name) + "=" + std::string(header.value));
    }
  }
  void OnRequestEnd() override { events.emplace_back("end"); }
  void OnResponseDrained() override { events.emplace_back("drained"); }
  void OnClientGone(std::string_view reason) override {
    stream = nullptr;
    events.push_back("gone: " + std::string(reason));
  }

  void SendHead(int status, BodyFraming body, const FieldLines& fields = {}) {
    ResponseHead reply;
    reply.status = status;
    reply.body = body;
    for (const auto& [name, value] : fields) reply.headers.Add(name, value);
    stream->SendHead(reply);
  }
  void End(EndKind kind = EndKind::kClean) { std::exchange(stream, nullptr)->EndResponse(kind); }
  void Answer(int status, std::string_view text) {
    SendHead(status, {BodyKind::kStreamed, 0});
    stream->SendBody(text);
    End();
  }

  ServerStream* stream;
  const RequestHead* head;
  std::string body;
  std::vector<std::string> events;
};

class TestOwner final : public H2Server::Owner {
 public:
  void OnRequest(ServerStream* stream, RequestHead* head) override {
    requests.push_back(std::make_unique<TestRequest>(stream, head));
    if (pause) stream->PauseRequest();
  }
  void OnBadRequest(ServerStream* stream, const HeadError& error) override {
    LocalReply reply;
    reply.code = error.too_large ? ReplyCode::kHeaderTooLarge : ReplyCode::kBadRequest;
    reply.message = error.message;
    SendLocalReply(stream, reply, false);
  }
  void OnConnectionDone() override { done = true; }

  TestRequest& last() { return *requests.back(); }

  bool pause = false;
  bool done = false;
  std::vector<std::unique_ptr<TestRequest>> requests;
};

FieldLines Get(std::string path = "/") {
  return {{":method", "GET"}, {":scheme", "https"}, {":authority", "a.test"}, {":path", path}};
}
FieldLines Post() {
  return {{":method", "POST"}, {":scheme", "https"}, {":authority", "a.test"}, {":path", "/"}};
}
FieldLines WebSocket() {
  return {{":method", "CONNECT"},   {":protocol", "websocket"}, {":scheme", "https"},
          {":authority", "a.test"}, {":path", "/chat"},         {"sec-websocket-version", "13"}};
}
FieldLines With(FieldLines fields, const std::string& name, const std::string& value) {
  fields.emplace_back(name, value);
  return fields;
}
FieldLines Without(FieldLines fields, const std::string& name) {
  std::erase_if(fields, [&](const auto& field) { return field.first == name; });
  return fields;
}

class H2ServerTest : public testing::Test {
 protected:
  H2ServerTest() { context_.loop = &loop_; }
  ~H2ServerTest() override {
    server_.reset();
    RunTurn(&loop_);
  }

  // Connects, says the preface, and drops what the server says first.
  void Connect(const std::string& settings = Settings()) {
    server_.reset();
    RunTurn(&loop_);
    wire_ = Wire();
    reader_.emplace();
    server_ = net::RetirePtr<H2Server>(
        new H2Server(&context_, net::TransportPtr(new FakeTransport(&loop_, &wire_)),
                     std::string(kPreface) + settings + SettingsAck(), &owner_));
    RunTurn(&loop_);
    first_ = TakeFrames();
  }
  void Receive(const std::string& bytes) {
    if (wire_.listener != nullptr) wire_.listener->OnData(bytes);
    RunTurn(&loop_);
  }
  std::vector<SeenFrame> TakeFrames() { return reader_->Read(wire_.TakeWritten()); }
  std::vector<std::string> TakeLines() { return Describe(TakeFrames()); }

  // Still serves, on a new stream.
  void ExpectServes(uint32_t stream) {
    TakeFrames();
    const size_t before = owner_.requests.size();
    Receive(Headers(stream, Get("/still")));
    ASSERT_EQ(owner_.requests.size(), before + 1);
    owner_.last().Answer(200, "yes");
    RunTurn(&loop_);
    EXPECT_THAT(TakeLines(), ElementsAre("HEADERS " + std::to_string(stream) + " :status=200",
                                         "DATA " + std::to_string(stream) + " yes end"));
  }

  CodecContext context_;
  net::EventLoop loop_;
  Wire wire_;
  std::optional<FrameReader> reader_;
  TestOwner owner_;
  std::vector<SeenFrame> first_;
  net::RetirePtr<H2Server> server_;
};

TEST_F(H2ServerTest, SaysItsSettings) {
  Connect();
  ASSERT_EQ(first_[0].type, NGHTTP2_SETTINGS);
  std::map<uint32_t, uint32_t> settings;
  for (size_t at = 0; at < first_[0].payload.size(); at += 6) {
    settings[SeenFrame::ReadNumber(first_[0].payload, at, 2)] = first_[0].code(at + 2);
  }
  EXPECT_EQ(settings[NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS], 256U);
  EXPECT_EQ(settings[NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE], 256U * 1024);
  EXPECT_EQ(settings[NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE], 64U * 1024);
  EXPECT_EQ(settings[NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL], 1U);
}

TEST_F(H2ServerTest, ServesManyStreamsInAnyOrder) {
  Connect();
  Receive(Headers(1, Get("/1")) + Headers(3, Get("/3")) + Headers(5, Get("/5")));
  ASSERT_EQ(owner_.requests.size(), 3U);
  for (int i = 2; i >= 0; --i) {
    TestRequest& request = *owner_.requests[static_cast<size_t>(i)];
    EXPECT_THAT(request.events, ElementsAre("end"));
    request.Answer(200, std::string(request.head->path));
    RunTurn(&loop_);
  }
  EXPECT_THAT(TakeLines(),
              ElementsAre("HEADERS 5 :status=200", "DATA 5 /5 end", "HEADERS 3 :status=200",
                          "DATA 3 /3 end", "HEADERS 1 :status=200", "DATA 1 /1 end"));
  EXPECT_EQ(server_->streams(), 0U);
}

TEST_F(H2ServerTest, GivesTheHeadAsHttp11WouldHaveIt) {
  Connect();
  Receive(Headers(1,
                  {{":method", "POST"},
                   {":scheme", "https"},
                   {":authority", "A.test:444"},
                   {":path", "/p?q"},
                   {"te", "trailers"},
                   {"cookie", "a=1"},
                   {"x-one", "1"},
                   {"cookie", "b=2"},
                   {"content-length", "5"}},
                  kEndHeaders));
  const RequestHead& head = *owner_.last().head;
  EXPECT_EQ(head.method, "POST");
  EXPECT_EQ(head.scheme, "");
  EXPECT_EQ(head.host, "A.test:444");
  EXPECT_EQ(head.path, "/p?q");
  EXPECT_TRUE(head.accepts_trailers);
  EXPECT_EQ(head.body.kind, BodyKind::kLength);
  EXPECT_EQ(head.body.length, 5U);
  EXPECT_EQ(head.headers.Find("cookie")->value, "a=1; b=2");
  EXPECT_EQ(head.headers.size(), 4U);  // te, cookie, x-one, content-length
}

TEST_F(H2ServerTest, AnotherSchemeIsShownToTheExchange) {
  Connect();
  Receive(Headers(
      1, {{":method", "GET"}, {":scheme", "http"}, {":authority", "a.test"}, {":path", "/"}}));
  EXPECT_EQ(owner_.last().head->scheme, "http");
  EXPECT_EQ(owner_.last().head->authority, "a.test");
}

TEST_F(H2ServerTest, BodiesAndTrailersArriveAndLeave) {
  Connect();
  Receive(Headers(1, Post(), kEndHeaders) + Data(1, "hel") + Data(1, "lo") +
          Headers(1, {{"x-sum", "7"}}));
  TestRequest& request = owner_.last();
  EXPECT_EQ(request.head->body.kind, BodyKind::kStreamed);
  EXPECT_EQ(request.body, "hello");
  EXPECT_THAT(request.events, ElementsAre("x-sum=7", "end"));
  request.SendHead(200, {BodyKind::kStreamed, 0});
  request.stream->SendBody("bye");
  HeaderList trailers;
  trailers.Add("Grpc-Status", "0");
  request.stream->SendTrailers(trailers);
  request.End();
  RunTurn(&loop_);
  EXPECT_THAT(TakeLines(),
              ElementsAre("HEADERS 1 :status=200", "DATA 1 bye", "HEADERS 1 grpc-status=0 end"));
}

TEST_F(H2ServerTest, InterimRepliesPrecedeTheFinalOne) {
  Connect();
  Receive(Headers(1, Get()));
  TestRequest& request = owner_.last();
  for (int status : {100, 103}) {
    ResponseHead interim;
    interim.status = status;
    request.stream->SendInformational(interim);
  }
  request.Answer(200, "x");
  RunTurn(&loop_);
  EXPECT_THAT(TakeLines(), ElementsAre("HEADERS 1 :status=100", "HEADERS 1 :status=103",
                                       "HEADERS 1 :status=200", "DATA 1 x end"));
}

TEST_F(H2ServerTest, AReplyWithoutABodyEndsWithItsHead) {
  Connect();
  Receive(Headers(1, Get()));
  owner_.last().SendHead(204, {}, {{"X-A", "1"}, {"Connection", "close"}, {"Keep-Alive", "x"}});
  owner_.last().End();
  RunTurn(&loop_);
  EXPECT_THAT(TakeLines(), ElementsAre("HEADERS 1 :status=204 x-a=1 end"));
}

TEST_F(H2ServerTest, TheEndOfAReplyMayComeTurnsAfterItsHead) {
  Connect();
  Receive(Headers(1, Get()));
  owner_.last().SendHead(304, {});
  RunTurn(&loop_);
  RunTurn(&loop_);
  EXPECT_THAT(owner_.last().events, ElementsAre("end"));
  owner_.last().End();
  RunTurn(&loop_);
  EXPECT_EQ(server_->streams(), 0U);
}

TEST_F(H2ServerTest, AResetReachesItsStreamAlone) {
  Connect();
  Receive(Headers(1, Get()) + Headers(3, Get()) + RstStream(1, NGHTTP2_CANCEL));
  EXPECT_THAT(owner_.requests[0]->events, ElementsAre("end", HasSubstr("CANCEL")));
  EXPECT_EQ(owner_.requests[0]->stream, nullptr);
  owner_.requests[1]->Answer(200, "x");
  RunTurn(&loop_);
  EXPECT_THAT(TakeLines(), ElementsAre("HEADERS 3 :status=200", "DATA 3 x end"));
}

TEST_F(H2ServerTest, APausedRequestKeepsItsOwnWindowAndNoOther) {
  Connect();
  owner_.pause = true;
  Receive(Headers(1, Post(), kEndHeaders));
  owner_.pause = false;
  Receive(Headers(3, Post(), kEndHeaders));
  TestRequest& paused = *owner_.requests[0];
  TestRequest& other = *owner_.requests[1];
  const std::string chunk(16 * 1024, 'x');
  for (int i = 0; i < 16; ++i) Receive(Data(1, chunk));
  EXPECT_EQ(paused.body, "");
  EXPECT_EQ(WindowReturned(TakeFrames(), 1), 0U);
  for (int i = 0; i < 256; ++i) Receive(Data(3, chunk));
  EXPECT_EQ(other.body.size(), 256 * chunk.size());
  const std::vector<SeenFrame> frames = TakeFrames();
  EXPECT_GT(WindowReturned(frames, 0), 2U * 1024 * 1024);
  EXPECT_GT(WindowReturned(frames, 3), 3U * 1024 * 1024);
  EXPECT_EQ(WindowReturned(frames, 1), 0U);
  Receive(Data(1, "", kEndStream));
  EXPECT_THAT(paused.events, IsEmpty());
  paused.stream->ResumeRequest();
  RunTurn(&loop_);
  EXPECT_EQ(paused.body.size(), 16 * chunk.size());
  EXPECT_THAT(paused.events, ElementsAre("end"));
}

TEST_F(H2ServerTest, AWindowIsNeverExceeded) {
  Connect();
  owner_.pause = true;
  Receive(Headers(1, Post(), kEndHeaders));
  const std::string chunk(16 * 1024, 'x');
  for (int i = 0; i < 17; ++i) Receive(Data(1, chunk));
  EXPECT_THAT(TakeLines(), Contains("RST 1 FLOW_CONTROL_ERROR"));
  EXPECT_THAT(owner_.last().events, ElementsAre(HasSubstr("FLOW_CONTROL_ERROR")));
  ExpectServes(3);
}

TEST_F(H2ServerTest, PausedBytesOfManyStreamsAreBounded) {
  Connect();
  owner_.pause = true;
  const std::string chunk(16 * 1024, 'x');
  uint64_t returned = H2Connection::kConnectionWindow;
  uint64_t sent = 0;
  for (uint32_t stream = 1; stream < 2 * 60; stream += 2) {
    Receive(Headers(stream, Post(), kEndHeaders));
    for (int i = 0; i < 16 && returned - sent >= chunk.size(); ++i) {
      Receive(Data(stream, chunk));
      sent += chunk.size();
      returned += WindowReturned(TakeFrames(), 0);
    }
  }
  EXPECT_LE(sent, H2Connection::kMaxBuffered + H2Connection::kConnectionWindow);
  // What is taken makes room again.
  for (const auto& request : owner_.requests) request->stream->ResumeRequest();
  RunTurn(&loop_);
  EXPECT_GT(WindowReturned(TakeFrames(), 0), 0U);
}

TEST_F(H2ServerTest, AShutWindowBlocksTheSenderUntilItOpens) {
  Connect(Settings({{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0}}));
  Receive(Headers(1, Get()) + Headers(3, Get()));
  TestRequest& request = *owner_.requests[0];
  request.SendHead(200, {BodyKind::kStreamed, 0});
  const std::string chunk(64 * 1024, 'x');
  EXPECT_EQ(request.stream->SendBody(chunk), WriteResult::kMore);
  EXPECT_EQ(request.stream->SendBody(chunk), WriteResult::kMore);
  EXPECT_EQ(request.stream->SendBody(chunk), WriteResult::kMore);
  EXPECT_EQ(request.stream->SendBody(chunk), WriteResult::kBlocked);
  RunTurn(&loop_);
  EXPECT_THAT(request.events, ElementsAre("end"));
  // The other stream is not held up.
  Receive(WindowUpdate(3, 10));
  owner_.requests[1]->Answer(200, "yes");
  RunTurn(&loop_);
  EXPECT_THAT(TakeLines(), Contains("DATA 3 yes end"));
  Receive(WindowUpdate(0, 1 << 20) + WindowUpdate(1, 127 * 1024));
  EXPECT_THAT(request.events, ElementsAre("end"));
  Receive(WindowUpdate(1, 1024));
  EXPECT_THAT(request.events, ElementsAre("end", "drained"));
}

TEST_F(H2ServerTest, AFullTransportHoldsBodiesBack) {
  Connect();
  Receive(Headers(1, Get()));
  wire_.blocked = true;
  owner_.last().SendHead(200, {BodyKind::kStreamed, 0});
  owner_.last().stream->SendBody(std::string(50'000, 'x'));
  RunTurn(&loop_);
  EXPECT_LT(wire_.written.size(), 20'000U);
  wire_.blocked = false;
  wire_.listener->OnDrained();
  RunTurn(&loop_);
  EXPECT_GT(wire_.written.size(), 50'000U);
}

TEST_F(H2ServerTest, AReplyCutShortIsResetBehindWhatCame) {
  Connect();
  for (uint32_t stream : {1, 3, 5}) Receive(Headers(stream, Get()));
  owner_.requests[0]->SendHead(200, {BodyKind::kUntilClose, 0});
  owner_.requests[0]->stream->SendBody("part");
  owner_.requests[0]->End(EndKind::kTruncated);
  owner_.requests[1]->SendHead(200, {BodyKind::kLength, 10});
  owner_.requests[1]->stream->SendBody("part");
  owner_.requests[1]->End();
  owner_.requests[2]->SendHead(200, {BodyKind::kStreamed, 0});
  owner_.requests[2]->stream->Abort();
  RunTurn(&loop_);
  const std::vector<std::string> lines = TakeLines();
  EXPECT_THAT(lines, Contains("DATA 1 part"));
  EXPECT_THAT(lines, Contains("RST 1 INTERNAL_ERROR"));
  EXPECT_THAT(lines, Contains("DATA 3 part"));
  EXPECT_THAT(lines, Contains("RST 3 INTERNAL_ERROR"));
  EXPECT_THAT(lines, Contains("RST 5 INTERNAL_ERROR"));
  EXPECT_THAT(lines, Not(Contains(testing::EndsWith("end"))));
  EXPECT_EQ(server_->streams(), 0U);
  ExpectServes(7);
}

TEST_F(H2ServerTest, AnEarlyReplyIsWholeAndTheRestOfTheBodyUnwanted) {
  Connect();
  Receive(Headers(1, Post(), kEndHeaders) + Data(1, "part"));
  owner_.last().Answer(413, "no");
  RunTurn(&loop_);
  EXPECT_THAT(TakeLines(), ElementsAre("HEADERS 1 :status=413", "DATA 1 no end", "RST 1 NO_ERROR"));
  Receive(Data(1, "more", kEndStream));
  ExpectServes(3);
}

// ---- RFC 8441

TEST_F(H2ServerTest, AnExtendedConnectIsAWebSocketHandshake) {
  Connect();
  Receive(Headers(1, WebSocket(), kEndHeaders) + Data(1, "early"));
  TestRequest& request = owner_.last();
  EXPECT_EQ(request.head->method, "GET");
  EXPECT_EQ(request.head->upgrade, "websocket");
  EXPECT_EQ(request.head->path, "/chat");
  EXPECT_EQ(request.head->body.kind, BodyKind::kNone);
  EXPECT_EQ(request.body, "");
  EXPECT_THAT(request.events, ElementsAre("end"));
  ResponseHead reply;
  reply.status = 101;
  reply.upgrade = "websocket";
  const std::string accept =
      WebSocketAcceptFor(request.head->headers.Find("Sec-WebSocket-Key")->value);
  reply.headers.Add("Sec-WebSocket-Accept", accept);
  reply.headers.Add("Sec-WebSocket-Protocol", "chat");
  request.stream->SendHead(reply);
  request.stream->SendBody("hello");
  RunTurn(&loop_);
  EXPECT_EQ(request.body, "early");
  EXPECT_THAT(TakeLines(),
              ElementsAre("HEADERS 1 :status=200 sec-websocket-protocol=chat", "DATA 1 hello"));
  // Each direction ends on its own.
  request.stream->EndResponse(EndKind::kClean);
  RunTurn(&loop_);
  EXPECT_THAT(TakeLines(), ElementsAre("DATA 1  end"));
  Receive(Data(1, " late") + Data(1, "", kEndStream));
  EXPECT_EQ(request.body, "early late");
  EXPECT_THAT(request.events, ElementsAre("end", "end"));
  EXPECT_EQ(server_->streams(), 0U);
}

TEST_F(H2ServerTest, AWebSocketThatDidNotOpenIsNotTakenForOne) {
  for (int status : {101, 200}) {
    Connect();
    Receive(Headers(1, WebSocket(), kEndHeaders));
    ResponseHead reply;
    reply.status = status;
    reply.upgrade = "websocket";
    reply.headers.Add("Sec-WebSocket-Accept", "wrong");
    owner_.last().stream->SendHead(reply);
    owner_.last().stream->SendBody("ignored");
    RunTurn(&loop_);
    EXPECT_THAT(TakeLines(), ElementsAre(HasSubstr("HEADERS 1 :status=502"),
                                         HasSubstr("upstream_protocol"), "RST 1 NO_ERROR"));
    EXPECT_THAT(owner_.last().events, ElementsAre("end", HasSubstr("handshake was refused")));
    EXPECT_EQ(server_->streams(), 0U);
  }
}

TEST_F(H2ServerTest, ARefusedWebSocketIsAnOrdinaryReply) {
  Connect();
  Receive(Headers(1, WebSocket(), kEndHeaders));
  owner_.last().Answer(403, "no");
  RunTurn(&loop_);
  EXPECT_THAT(TakeLines(), ElementsAre("HEADERS 1 :status=403", "DATA 1 no end", "RST 1 NO_ERROR"));
}

TEST_F(H2ServerTest, AConnectIsTheOwnersToRefuse) {
  Connect();
  Receive(Headers(1, {{":method", "CONNECT"}, {":authority", "b.test:443"}}, kEndHeaders));
  EXPECT_EQ(owner_.last().head->method, "CONNECT");
  EXPECT_EQ(owner_.last().head->host, "b.test:443");
}

// ---- What is refused

TEST_F(H2ServerTest, HeadsThatNoRequestCanBeMadeOfGetAReply) {
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

TEST_F(H2ServerTest, TooLargeAHeadGets431AndTheConnectionGoesOn) {
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

TEST_F(H2ServerTest, ManyCrumbsAreOneCookie) {
  Connect();
  FieldLines fields = Get();
  for (int i = 0; i < 400; ++i) fields.emplace_back("cookie", "c=" + std::to_string(i));
  Receive(Headers(1, fields));
  ASSERT_EQ(owner_.requests.size(), 1U);
  EXPECT_EQ(owner_.last().head->headers.size(), 1U);
}

// RFC 9113 §8.1 - §8.3, §5.1, §5.3, §6.9: errors of one stream. The connection serves on.
TEST_F(H2ServerTest, StreamErrorsEndTheirStreamAlone) {
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
TEST_F(H2ServerTest, ConnectionErrorsEndTheConnection) {
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

TEST_F(H2ServerTest, WhatIsNotHttp2Ends) {
  server_ = net::RetirePtr<H2Server>(
      new H2Server(&context_, net::TransportPtr(new FakeTransport(&loop_, &wire_)),
                   "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", &owner_));
  RunTurn(&loop_);
  EXPECT_TRUE(owner_.done);
  EXPECT_THAT(owner_.requests, IsEmpty());
}

TEST_F(H2ServerTest, WhatNobodyKnowsIsIgnored) {
  Connect();
  Receive(Frame(0xEE, 0xFF, 0, "x") + Frame(0xEE, 0, 1, "x") + Settings({{0xEEEE, 1}}));
  ExpectServes(1);
}

// ---- Floods

TEST_F(H2ServerTest, FloodsAreCutOff) {
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

TEST_F(H2ServerTest, AnEndlessBlockIsCutOff) {
  Connect();
  std::string bytes = Headers(1, Get(), kEndStream);
  for (int i = 0; i < 32; ++i) bytes += Frame(NGHTTP2_CONTINUATION, 0, 1, Block({{"x", "y"}}));
  Receive(bytes);
  EXPECT_TRUE(owner_.done);
  EXPECT_THAT(TakeLines(), Contains(HasSubstr("ENHANCE_YOUR_CALM")));
  EXPECT_THAT(owner_.requests, IsEmpty());
}

TEST_F(H2ServerTest, AcksThatNobodyReadsAreBounded) {
  Connect();
  wire_.blocked = true;
  Receive(Ping());
  for (int i = 0; i < 400 && !owner_.done; ++i) Receive(Ping());
  EXPECT_TRUE(owner_.done);
}

TEST_F(H2ServerTest, StreamsBeyondTheLimitAreRefused) {
  Connect();
  for (uint32_t i = 0; i < H2Server::kMaxStreams; ++i) Receive(Headers(2 * i + 1, Get()));
  EXPECT_EQ(owner_.requests.size(), H2Server::kMaxStreams);
  EXPECT_EQ(server_->streams(), H2Server::kMaxStreams);
  Receive(Headers(2 * H2Server::kMaxStreams + 1, Get()));
  EXPECT_EQ(owner_.requests.size(), H2Server::kMaxStreams);
  EXPECT_THAT(TakeLines(), Contains(HasSubstr("PROTOCOL_ERROR")));
}

TEST_F(H2ServerTest, AStreamBelowTheLastIsNotServed) {
  Connect();
  Receive(Headers(5, Get()) + Headers(3, Get()));
  EXPECT_EQ(owner_.requests.size(), 1U);
}

// ---- The end

TEST_F(H2ServerTest, ADrainFinishesWhatHasBegunAndTakesNoMore) {
  Connect();
  Receive(Headers(1, Get()));
  server_->Drain();
  RunTurn(&loop_);
  EXPECT_THAT(TakeLines(), ElementsAre("GOAWAY 1 NO_ERROR"));
  Receive(Headers(3, Get()));
  EXPECT_EQ(owner_.requests.size(), 1U);
  owner_.last().Answer(200, "last");
  RunTurn(&loop_);
  EXPECT_THAT(TakeLines(), ElementsAre("HEADERS 1 :status=200", "DATA 1 last end"));
  EXPECT_TRUE(owner_.done);
  EXPECT_TRUE(wire_.retired);
}

TEST_F(H2ServerTest, AnIdleConnectionDrainsAtOnce) {
  Connect();
  server_->Drain();
  RunTurn(&loop_);
  EXPECT_TRUE(owner_.done);
}

TEST_F(H2ServerTest, EveryStreamLearnsThatTheClientIsGone) {
  Connect();
  Receive(Headers(1, Get()) + Headers(3, Post(), kEndHeaders));
  wire_.listener->OnEnd(net::EndKind::kTruncated);
  RunTurn(&loop_);
  EXPECT_THAT(owner_.requests[0]->events, ElementsAre("end", HasSubstr("gone")));
  EXPECT_THAT(owner_.requests[1]->events, ElementsAre(HasSubstr("gone")));
  EXPECT_TRUE(owner_.done);
}

TEST_F(H2ServerTest, ABlockThatDoesNotEndInTimeEndsTheConnection) {
  context_.limits.head_timeout = std::chrono::milliseconds(1);
  Connect();
  Receive(Headers(1, Get(), kEndStream));
  while (!owner_.done) RunTurn(&loop_);
  EXPECT_THAT(owner_.requests, IsEmpty());
}

TEST_F(H2ServerTest, APrefaceThatDoesNotComeInTimeEndsTheConnection) {
  context_.limits.head_timeout = std::chrono::milliseconds(1);
  server_ = net::RetirePtr<H2Server>(new H2Server(
      &context_, net::TransportPtr(new FakeTransport(&loop_, &wire_)), "PRI * HTTP", &owner_));
  while (!owner_.done) RunTurn(&loop_);
}

TEST_F(H2ServerTest, AnIdleConnectionIsClosedWithAGoodbye) {
  context_.limits.idle_timeout = std::chrono::milliseconds(1);
  Connect();
  while (!owner_.done) RunTurn(&loop_);
  EXPECT_THAT(TakeLines(), ElementsAre("GOAWAY 0 NO_ERROR"));
}

}  // namespace
}  // namespace sallyport::http

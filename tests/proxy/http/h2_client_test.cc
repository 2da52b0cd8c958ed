#include "proxy/http/h2_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/arena.h"
#include "proxy/http/websocket_handshake.h"
#include "tests/proxy/http/fake_transport.h"
#include "tests/proxy/http/h2_frames.h"

namespace sallyport::http {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

// The user of one stream.
class TestReply final : public ReplyListener {
 public:
  explicit TestReply(ClientStream* its_stream) : stream(its_stream) { stream->SetListener(this); }

  void OnInformational(ResponseHead* head) override {
    events.push_back("interim " + std::to_string(head->status));
  }
  void OnReplyHead(ResponseHead* head) override {
    events.push_back(std::to_string(head->status));
    body_kind = head->body.kind;
    reason = head->reason;
    upgrade = head->upgrade;
    for (const Header& header : head->headers) {
      fields.emplace_back(header.name, header.value);
    }
  }
  void OnReplyData(std::string_view bytes) override { body += bytes; }
  void OnReplyTrailers(const HeaderList& trailers) override {
    for (const Header& header : trailers) {
      events.push_back(std::string(header.name) + "=" + std::string(header.value));
    }
  }
  void OnReplyEnd(EndKind) override {
    events.emplace_back("end");
    if (release_at_end) Release();
  }
  void OnRequestDrained() override { events.emplace_back("drained"); }
  void OnReplyError(StreamError error, bool nothing_received, const std::string& detail) override {
    constexpr const char* kNames[] = {"connection", "protocol", "refused"};
    events.push_back(std::string(kNames[static_cast<size_t>(error)]) +
                     (nothing_received ? " unanswered: " : " begun: ") + detail);
    Release();
  }
  void Release() { std::exchange(stream, nullptr)->Release(); }

  ClientStream* stream;
  bool release_at_end = true;
  BodyKind body_kind = BodyKind::kUntilClose;
  std::string reason;
  std::string upgrade;
  FieldLines fields;
  std::string body;
  std::vector<std::string> events;
};

class TestOwner final : public H2Client::Owner {
 public:
  void OnCapacityChanged(H2Client* client) override {
    events.push_back("capacity " + std::to_string(client->capacity()));
  }
  void OnIdle(H2Client*) override { events.emplace_back("idle"); }
  void OnDead(H2Client*) override { events.emplace_back("dead"); }
  std::vector<std::string> Take() { return std::exchange(events, {}); }

  std::vector<std::string> events;
};

class H2ClientTest : public testing::Test {
 protected:
  H2ClientTest() { context_.loop = &loop_; }
  ~H2ClientTest() override {
    client_.reset();
    RunTurn(&loop_);
  }

  void Connect(const std::string& settings = Settings()) {
    client_.reset();
    RunTurn(&loop_);
    wire_ = Wire();
    reader_.emplace();
    owner_.events.clear();
    client_ = net::RetirePtr<H2Client>(
        new H2Client(&context_, net::TransportPtr(new FakeTransport(&loop_, &wire_)),
                     H2Client::Scheme::kHttps, &owner_));
    RunTurn(&loop_);
    EXPECT_THAT(wire_.written, StartsWith(kPreface));
    Receive(settings + SettingsAck());
    TakeFrames();
  }
  void Receive(const std::string& bytes) {
    if (wire_.listener != nullptr) wire_.listener->OnData(bytes);
    RunTurn(&loop_);
  }
  std::vector<SeenFrame> TakeFrames() { return reader_->Read(wire_.TakeWritten()); }
  std::vector<std::string> TakeLines() { return Describe(TakeFrames()); }

  RequestHead Head(std::string_view method, BodyKind body = BodyKind::kNone) {
    RequestHead head;
    head.method = method;
    head.host = "a.test";
    head.path = "/p?q";
    head.body.kind = body;
    head.arena = &arena_;
    return head;
  }
  // Sends a request without a body on a new stream.
  std::unique_ptr<TestReply> Get(std::string_view method = "GET") {
    auto reply = std::make_unique<TestReply>(client_->OpenStream());
    reply->stream->SendHead(Head(method));
    reply->stream->EndRequest();
    RunTurn(&loop_);
    return reply;
  }

  CodecContext context_;
  net::EventLoop loop_;
  Wire wire_;
  std::optional<FrameReader> reader_;
  Arena arena_;
  TestOwner owner_;
  net::RetirePtr<H2Client> client_;
};

TEST_F(H2ClientTest, WritesTheHeadFromItsPartsAndNeverIndexesCredentials) {
  Connect();
  TestReply reply(client_->OpenStream());
  RequestHead head = Head("GET");
  head.accepts_trailers = true;
  head.headers.Add("Accept", "*/*");
  head.headers.Add({"Authorization", "Bearer secret", HeaderId::kOther, true});
  head.headers.Add("Proxy-Connection", "close");
  reply.stream->SendHead(head);
  reply.stream->EndRequest();
  RunTurn(&loop_);
  const std::vector<SeenFrame> frames = TakeFrames();
  EXPECT_THAT(Describe(frames),
              ElementsAre("HEADERS 1 :method=GET :scheme=https :authority=a.test :path=/p?q "
                          "accept=*/* authorization=Bearer secret te=trailers end"));
  EXPECT_THAT(frames[0].never_indexed, Contains("authorization"));
  Receive(Headers(1, {{":status", "200"}, {"x", "1"}}, kEndHeaders) + Data(1, "hi") +
          Headers(1, {{"grpc-status", "0"}}));
  EXPECT_THAT(reply.events, ElementsAre("200", "grpc-status=0", "end"));
  EXPECT_EQ(reply.body, "hi");
  EXPECT_EQ(reply.reason, "OK");
  EXPECT_EQ(reply.body_kind, BodyKind::kStreamed);
  EXPECT_THAT(owner_.Take(), ElementsAre("idle"));
  EXPECT_THAT(TakeLines(), IsEmpty());
}

TEST_F(H2ClientTest, StreamsABodyWithTrailers) {
  Connect();
  TestReply reply(client_->OpenStream());
  reply.stream->SendHead(Head("POST", BodyKind::kStreamed));
  reply.stream->SendBody("one");
  RunTurn(&loop_);
  reply.stream->SendBody("two");
  HeaderList trailers;
  trailers.Add("X-Sum", "2");
  reply.stream->SendTrailers(trailers);
  reply.stream->EndRequest();
  RunTurn(&loop_);
  EXPECT_THAT(TakeLines(), ElementsAre(StartsWith("HEADERS 1"), "DATA 1 one", "DATA 1 two",
                                       "HEADERS 1 x-sum=2 end"));
  reply.Release();
}

TEST_F(H2ClientTest, ABodyIsFramedByWhatIsKnownOfIt) {
  const struct {
    const char* method;
    FieldLines fields;
    uint8_t flags;
    BodyKind kind;
  } cases[] = {
      {"GET", {{":status", "200"}}, kEndHeaders, BodyKind::kStreamed},
      {"GET", {{":status", "200"}, {"content-length", "2"}}, kEndHeaders, BodyKind::kLength},
      {"GET", {{":status", "200"}}, kEndHeaders | kEndStream, BodyKind::kNone},
      {"HEAD",
       {{":status", "200"}, {"content-length", "9"}},
       kEndHeaders | kEndStream,
       BodyKind::kNone},
      {"HEAD", {{":status", "200"}, {"content-length", "9"}}, kEndHeaders, BodyKind::kNone},
      {"GET", {{":status", "204"}}, kEndHeaders, BodyKind::kNone},
      {"GET", {{":status", "304"}, {"content-length", "9"}}, kEndHeaders, BodyKind::kNone},
  };
  for (const auto& test : cases) {
    Connect();
    const auto reply = Get(test.method);
    Receive(Headers(1, test.fields, test.flags));
    EXPECT_EQ(reply->body_kind, test.kind);
    if ((test.flags & kEndStream) == 0) {
      const bool has_body = test.kind != BodyKind::kNone;
      Receive(Data(1, has_body ? "hi" : "", kEndStream));
    }
    EXPECT_THAT(reply->events, ElementsAre(test.fields[0].second, "end"));
  }
}

TEST_F(H2ClientTest, EveryInterimReplyIsPassedOn) {
  Connect();
  const auto reply = Get();
  Receive(Headers(1, {{":status", "100"}}, kEndHeaders) +
          Headers(1, {{":status", "103"}, {"link", "</a>"}}, kEndHeaders) +
          Headers(1, {{":status", "200"}}));
  EXPECT_THAT(reply->events, ElementsAre("interim 100", "interim 103", "200", "end"));
}

TEST_F(H2ClientTest, TakesAsManyStreamsAsTheUpstreamAllows) {
  Connect(Settings({{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 2}}));
  EXPECT_EQ(client_->capacity(), 2U);
  const auto first = Get();
  const auto second = Get();
  EXPECT_EQ(client_->OpenStream(), nullptr);
  EXPECT_THAT(owner_.Take(), ElementsAre("capacity 0"));
  Receive(Headers(1, {{":status", "200"}}));
  EXPECT_THAT(owner_.Take(), ElementsAre("capacity 1"));
  Receive(Settings({{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 1}}));
  EXPECT_THAT(owner_.Take(), ElementsAre("capacity 0"));
  Receive(Headers(3, {{":status", "200"}}));
  EXPECT_THAT(owner_.Take(), ElementsAre("capacity 1", "idle"));
}

TEST_F(H2ClientTest, TellsOfCapacityThatWasGoneOnlyWithinTheTurn) {
  Connect(Settings({{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 2}}));
  const auto first = Get();
  // A second takes the last, a third finds none, and then the first is answered.
  TestReply second(client_->OpenStream());
  second.stream->SendHead(Head("GET"));
  EXPECT_EQ(client_->OpenStream(), nullptr);
  Receive(Headers(1, {{":status", "200"}}));
  EXPECT_THAT(owner_.Take(), ElementsAre("capacity 1"));
  Receive(Settings({{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 1}}) +
          Settings({{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 2}}));
  EXPECT_THAT(owner_.Take(), ElementsAre("capacity 1"));
  second.Release();
}

TEST_F(H2ClientTest, RepliesComeInAnyOrder) {
  Connect();
  const auto first = Get();
  const auto second = Get();
  Receive(Headers(1, {{":status", "200"}}, kEndHeaders) +
          Headers(3, {{":status", "404"}}, kEndHeaders) + Data(3, "b", kEndStream) +
          Data(1, "a", kEndStream));
  EXPECT_THAT(first->events, ElementsAre("200", "end"));
  EXPECT_THAT(second->events, ElementsAre("404", "end"));
  EXPECT_EQ(first->body, "a");
  EXPECT_EQ(second->body, "b");
}

// ---- What ends a stream or all of them

TEST_F(H2ClientTest, AGoawayRefusesWhatIsAboveItAndLetsTheRestFinish) {
  Connect();
  const auto seen = Get();
  const auto unseen = Get();
  Receive(Goaway(1, NGHTTP2_NO_ERROR));
  EXPECT_THAT(unseen->events, ElementsAre(StartsWith("refused unanswered")));
  EXPECT_THAT(seen->events, IsEmpty());
  EXPECT_EQ(client_->OpenStream(), nullptr);
  EXPECT_THAT(owner_.Take(), ElementsAre("capacity 0"));
  Receive(Headers(1, {{":status", "200"}}, kEndHeaders) + Data(1, "x", kEndStream));
  EXPECT_THAT(seen->events, ElementsAre("200", "end"));
  EXPECT_THAT(owner_.Take(), ElementsAre("idle", "dead"));
}

TEST_F(H2ClientTest, APausedReplySurvivesTheEndOfItsConnection) {
  Connect();
  const auto reply = Get();
  reply->stream->PauseReply();
  Receive(Headers(1, {{":status", "200"}}, kEndHeaders) + Data(1, "whole", kEndStream) +
          Goaway(1, NGHTTP2_NO_ERROR));
  if (wire_.listener != nullptr) wire_.listener->OnEnd(net::EndKind::kClean);
  RunTurn(&loop_);
  EXPECT_THAT(reply->events, ElementsAre("200"));
  EXPECT_THAT(owner_.Take(), ElementsAre("capacity 0"));
  reply->stream->ResumeReply();
  RunTurn(&loop_);
  EXPECT_EQ(reply->body, "whole");
  EXPECT_THAT(reply->events, ElementsAre("200", "end"));
  EXPECT_THAT(owner_.Take(), ElementsAre("idle", "dead"));
}

TEST_F(H2ClientTest, AStreamThatTheUpstreamRefusesMayBeSentAgain) {
  Connect();
  const auto reply = Get();
  Receive(RstStream(1, NGHTTP2_REFUSED_STREAM));
  EXPECT_THAT(reply->events, ElementsAre(StartsWith("refused unanswered")));
  EXPECT_THAT(owner_.Take(), ElementsAre("idle"));
}

TEST_F(H2ClientTest, AResetIsNeverAnEnd) {
  for (const uint32_t code :
       {NGHTTP2_NO_ERROR, NGHTTP2_CANCEL, NGHTTP2_INTERNAL_ERROR, NGHTTP2_HTTP_1_1_REQUIRED}) {
    Connect();
    const auto unanswered = Get();
    const auto begun = Get();
    Receive(Headers(3, {{":status", "200"}}, kEndHeaders) + Data(3, "part"));
    Receive(RstStream(1, code) + RstStream(3, code));
    EXPECT_THAT(unanswered->events, ElementsAre(StartsWith("connection unanswered")));
    EXPECT_THAT(begun->events, ElementsAre("200", StartsWith("connection begun")));
    EXPECT_THAT(begun->events.back(), HasSubstr(nghttp2_http2_strerror(code)));
  }
}

TEST_F(H2ClientTest, TheEndOfTheConnectionIsAnErrorOfEveryStream) {
  Connect();
  const auto unanswered = Get();
  const auto begun = Get();
  Receive(Headers(3, {{":status", "200"}}, kEndHeaders));
  wire_.listener->OnEnd(net::EndKind::kTruncated);
  RunTurn(&loop_);
  EXPECT_THAT(unanswered->events, ElementsAre(StartsWith("connection unanswered")));
  EXPECT_THAT(begun->events, ElementsAre("200", StartsWith("connection begun")));
  EXPECT_THAT(owner_.Take(), ElementsAre("capacity 0", "idle", "dead"));
}

TEST_F(H2ClientTest, AnEarlyReplyIsWholeWhateverBecomesOfTheRequest) {
  Connect();
  TestReply reply(client_->OpenStream());
  reply.stream->SendHead(Head("POST", BodyKind::kStreamed));
  reply.stream->SendBody("part");
  RunTurn(&loop_);
  Receive(Headers(1, {{":status", "413"}}, kEndHeaders) + Data(1, "no", kEndStream) +
          RstStream(1, NGHTTP2_NO_ERROR));
  EXPECT_THAT(reply.events, ElementsAre("413", "end"));
}

TEST_F(H2ClientTest, AReleasedStreamIsCancelledUnlessItIsComplete) {
  Connect();
  const auto abandoned = Get();
  TakeFrames();
  abandoned->Release();
  RunTurn(&loop_);
  EXPECT_THAT(TakeLines(), ElementsAre("RST 1 CANCEL"));
  Receive(Headers(1, {{":status", "200"}}));
  EXPECT_THAT(abandoned->events, IsEmpty());
  const auto complete = Get();
  Receive(Headers(3, {{":status", "200"}}));
  EXPECT_THAT(TakeLines(), ElementsAre(StartsWith("HEADERS 3")));
}

TEST_F(H2ClientTest, ARequestThatCanNoLongerBeSentMayBeSentElsewhere) {
  Connect();
  ClientStream* const stream = client_->OpenStream();
  wire_.listener->OnEnd(net::EndKind::kClean);
  auto reply = std::make_unique<TestReply>(stream);
  reply->stream->SendHead(Head("POST", BodyKind::kStreamed));
  reply->stream->SendBody("x");
  EXPECT_THAT(reply->events, IsEmpty());
  RunTurn(&loop_);
  EXPECT_THAT(reply->events, ElementsAre(StartsWith("refused unanswered")));
  EXPECT_THAT(owner_.Take(), ElementsAre("capacity 0", "idle", "dead"));
}

TEST_F(H2ClientTest, ADrainSaysGoodbyeAndLetsStreamsFinish) {
  Connect();
  const auto reply = Get();
  TakeFrames();
  client_->Drain();
  RunTurn(&loop_);
  EXPECT_THAT(TakeLines(), ElementsAre("GOAWAY 0 NO_ERROR"));
  Receive(Headers(1, {{":status", "200"}}));
  EXPECT_THAT(reply->events, ElementsAre("200", "end"));
  EXPECT_THAT(owner_.Take(), ElementsAre("capacity 0", "idle", "dead"));
}

// ---- Flow control

TEST_F(H2ClientTest, APausedReplyKeepsItsOwnWindowAndNoOther) {
  Connect();
  const auto paused = Get();
  const auto other = Get();
  paused->stream->PauseReply();
  Receive(Headers(1, {{":status", "200"}}, kEndHeaders) +
          Headers(3, {{":status", "200"}}, kEndHeaders));
  const std::string chunk(16 * 1024, 'x');
  for (int i = 0; i < 16; ++i) Receive(Data(1, chunk));
  for (int i = 0; i < 300; ++i) Receive(Data(3, chunk));
  EXPECT_EQ(other->body.size(), 300 * chunk.size());
  EXPECT_EQ(paused->body, "");
  std::vector<SeenFrame> frames = TakeFrames();
  EXPECT_EQ(WindowReturned(frames, 1), 0U);
  EXPECT_GE(WindowReturned(frames, 0), 4U * 1024 * 1024);
  paused->stream->ResumeReply();
  RunTurn(&loop_);
  EXPECT_EQ(paused->body.size(), 16 * chunk.size());
  EXPECT_GT(WindowReturned(TakeFrames(), 1), 0U);
  paused->Release();
  other->Release();
}

TEST_F(H2ClientTest, AShutWindowBlocksTheSenderUntilItOpens) {
  Connect(Settings({{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 10}}));
  TestReply reply(client_->OpenStream());
  reply.stream->SendHead(Head("POST", BodyKind::kStreamed));
  EXPECT_EQ(reply.stream->SendBody(std::string(256 * 1024 + 10, 'x')), WriteResult::kBlocked);
  RunTurn(&loop_);
  EXPECT_THAT(reply.events, IsEmpty());
  Receive(WindowUpdate(0, 1 << 20) + WindowUpdate(1, 1 << 20));
  EXPECT_THAT(reply.events, ElementsAre("drained"));
  reply.Release();
}

// ---- RFC 8441

TEST_F(H2ClientTest, AWebSocketIsAnExtendedConnect) {
  Connect(Settings({{NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1}}));
  ASSERT_TRUE(client_->accepts_websocket());
  TestReply reply(client_->OpenStream());
  RequestHead head = Head("GET");
  head.upgrade = "WebSocket";
  head.headers.Add("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
  head.headers.Add("Sec-WebSocket-Version", "13");
  reply.stream->SendHead(head);
  reply.stream->EndRequest();
  RunTurn(&loop_);
  EXPECT_THAT(TakeLines(),
              ElementsAre("HEADERS 1 :method=CONNECT :scheme=https :authority=a.test :path=/p?q "
                          ":protocol=websocket sec-websocket-version=13"));
  Receive(Headers(1, {{":status", "200"}}, kEndHeaders) + Data(1, "down"));
  EXPECT_THAT(reply.events, ElementsAre("101"));
  EXPECT_EQ(reply.upgrade, "websocket");
  EXPECT_THAT(reply.fields,
              Contains(std::pair("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")));
  EXPECT_EQ(reply.body, "down");
  reply.stream->SendBody("up");
  reply.stream->EndRequest();
  RunTurn(&loop_);
  EXPECT_THAT(TakeLines(), ElementsAre("DATA 1 up end"));
  Receive(Data(1, "", kEndStream));
  EXPECT_THAT(reply.events, ElementsAre("101", "end"));
}

TEST_F(H2ClientTest, ARefusedWebSocketIsAnOrdinaryReply) {
  Connect(Settings({{NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1}}));
  TestReply reply(client_->OpenStream());
  RequestHead head = Head("GET");
  head.upgrade = "websocket";
  reply.stream->SendHead(head);
  reply.stream->EndRequest();
  RunTurn(&loop_);
  TakeFrames();
  Receive(Headers(1, {{":status", "403"}}, kEndHeaders) + Data(1, "no", kEndStream));
  EXPECT_THAT(reply.events, ElementsAre("403", "end"));
  EXPECT_THAT(TakeLines(), ElementsAre("RST 1 CANCEL"));
}

TEST_F(H2ClientTest, ARefusedWebSocketsReplyHasTheLengthThatItSays) {
  for (const std::string_view length : {"1", "3"}) {
    Connect(Settings({{NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1}}));
    TestReply reply(client_->OpenStream());
    RequestHead head = Head("GET");
    head.upgrade = "websocket";
    reply.stream->SendHead(head);
    reply.stream->EndRequest();
    RunTurn(&loop_);
    Receive(Headers(1, {{":status", "403"}, {"content-length", std::string(length)}}, kEndHeaders) +
            Data(1, "no", kEndStream));
    EXPECT_THAT(reply.events, ElementsAre("403", StartsWith("protocol begun")));
  }
}

TEST_F(H2ClientTest, WithoutExtendedConnectAnUpgradeIsLeftOut) {
  Connect();
  EXPECT_FALSE(client_->accepts_websocket());
  TestReply reply(client_->OpenStream());
  RequestHead head = Head("GET");
  head.upgrade = "websocket";
  reply.stream->SendHead(head);
  RunTurn(&loop_);
  EXPECT_THAT(TakeLines(), ElementsAre(testing::EndsWith(":path=/p?q end")));
  reply.Release();
}

// ---- What is refused

TEST_F(H2ClientTest, MalformedRepliesAreErrorsOfTheirStream) {
  FieldLines many = {{":status", "200"}};
  for (int i = 0; i < 257; ++i) many.emplace_back("x", "y");
  const FieldLines ok = {{":status", "200"}};
  const struct {
    const char* what;
    std::string bytes;
  } cases[] = {
      {"no status", Headers(1, {{"x", "1"}})},
      {"two statuses", Headers(1, {{":status", "200"}, {":status", "200"}})},
      {"status of two digits", Headers(1, {{":status", "20"}})},
      {"status of letters", Headers(1, {{":status", "2xx"}})},
      {"status 099", Headers(1, {{":status", "099"}})},
      {"101", Headers(1, {{":status", "101"}}, kEndHeaders)},
      {"a request's pseudo-header field", Headers(1, {{":status", "200"}, {":path", "/"}})},
      {"status behind a field", Headers(1, {{"x", "1"}, {":status", "200"}})},
      {"upper case", Headers(1, {{":status", "200"}, {"X", "1"}})},
      {"connection", Headers(1, {{":status", "200"}, {"connection", "close"}})},
      {"transfer-encoding", Headers(1, {{":status", "200"}, {"transfer-encoding", "chunked"}})},
      {"LF in a value", Headers(1, {{":status", "200"}, {"x", "a\nb"}})},
      {"interim reply that ends", Headers(1, {{":status", "100"}})},
      {"DATA before the final head", Headers(1, {{":status", "100"}}, kEndHeaders) + Data(1, "x")},
      {"body too short", Headers(1, {{":status", "200"}, {"content-length", "5"}}, kEndHeaders) +
                             Data(1, "x", kEndStream)},
      {"body too long",
       Headers(1, {{":status", "200"}, {"content-length", "1"}}, kEndHeaders) + Data(1, "xx")},
      {"a body where none can be", Headers(1, {{":status", "204"}}, kEndHeaders) + Data(1, "x")},
      {"trailers that do not end",
       Headers(1, ok, kEndHeaders) + Headers(1, {{"x", "1"}}, kEndHeaders)},
      {"pseudo-header field in trailers",
       Headers(1, ok, kEndHeaders) + Headers(1, {{":status", "200"}})},
      {"too many fields", Headers(1, many)},
  };
  for (const auto& test : cases) {
    SCOPED_TRACE(test.what);
    Connect();
    const auto reply = Get();
    const auto other = Get();
    Receive(test.bytes);
    ASSERT_THAT(reply->events, testing::Not(IsEmpty()));
    EXPECT_THAT(reply->events.back(), StartsWith("protocol"));
    EXPECT_THAT(TakeLines(), Contains("RST 1 PROTOCOL_ERROR"));
    Receive(Headers(3, {{":status", "200"}}));
    EXPECT_THAT(other->events, ElementsAre("200", "end"));
  }
}

TEST_F(H2ClientTest, ConnectionErrorsAreErrorsOfEveryStream) {
  const struct {
    const char* what;
    std::string bytes;
  } cases[] = {
      {"PUSH_PROMISE",
       Frame(NGHTTP2_PUSH_PROMISE, kEndHeaders, 1, Number(2, 4) + Block({{":method", "GET"}}))},
      {"a stream of the server's", Headers(2, {{":status", "200"}})},
      {"an idle stream", Headers(7, {{":status", "200"}})},
      {"DATA on stream 0", Data(0, "x")},
      {"ENABLE_PUSH from a server", Settings({{NGHTTP2_SETTINGS_ENABLE_PUSH, 1}})},
      {"bad HPACK", Frame(NGHTTP2_HEADERS, kEndHeaders, 1, "\xFF\xFF\xFF\x7F")},
      {"a block cut by a frame", Headers(1, {{":status", "200"}}, 0) + Ping()},
  };
  for (const auto& test : cases) {
    SCOPED_TRACE(test.what);
    Connect();
    const auto reply = Get();
    Receive(test.bytes);
    EXPECT_THAT(reply->events, ElementsAre(StartsWith("protocol")));
    EXPECT_THAT(owner_.Take(), ElementsAre("capacity 0", "idle", "dead"));
    EXPECT_THAT(TakeLines(), Contains(StartsWith("GOAWAY")));
  }
}

TEST_F(H2ClientTest, ARefusedReplyIsAnErrorWhereTheConnectionEndsBeforeItsReset) {
  Connect();
  TestReply reply(client_->OpenStream());
  reply.stream->SendHead(Head("POST", BodyKind::kStreamed));
  wire_.blocked = true;
  RunTurn(&loop_);
  Receive(Headers(1, {{":status", "050"}}));
  EXPECT_THAT(reply.events, IsEmpty());
  wire_.listener->OnEnd(net::EndKind::kClean);
  RunTurn(&loop_);
  EXPECT_THAT(reply.events, ElementsAre(StartsWith("protocol")));
}

TEST_F(H2ClientTest, FloodsAreCutOff) {
  for (const std::string& frame : {Ping(), Settings(), WindowUpdate(0, 1)}) {
    Connect();
    for (int i = 0; i < 3000 && owner_.events.empty(); ++i) Receive(frame);
    EXPECT_THAT(owner_.Take(), Contains("dead"));
    EXPECT_THAT(TakeLines(), Contains(HasSubstr("ENHANCE_YOUR_CALM")));
  }
}

TEST(WebSocketHandshakeTest, AnswersAsRfc6455Does) {
  EXPECT_EQ(WebSocketAcceptFor("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  EXPECT_EQ(NewWebSocketKey().size(), 24U);
  EXPECT_NE(NewWebSocketKey(), NewWebSocketKey());
}

TEST(WebSocketHandshakeTest, DigestsEveryPadding) {
  // FIPS 180-4's examples, and the lengths around a block's end.
  const auto hex = [](std::string_view text) {
    std::string out;
    for (const uint8_t byte : Sha1(text)) {
      out.push_back("0123456789abcdef"[byte >> 4]);
      out.push_back("0123456789abcdef"[byte & 15]);
    }
    return out;
  };
  EXPECT_EQ(hex(""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  EXPECT_EQ(hex("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
  EXPECT_EQ(hex(std::string(1'000'000, 'a')), "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
}

}  // namespace
}  // namespace sallyport::http

#include "proxy/http/h1_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/proxy/http/fake_transport.h"

namespace sallyport::http {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// Takes every request, and answers when the test says so.
class TestOwner final : public H1Server::Owner, public RequestListener {
 public:
  void OnRequest(ServerStream* request_stream, RequestHead* head) override {
    stream = request_stream;
    events.push_back(std::string(head->method) + " " + std::string(head->path));
    stream->SetListener(this);
    if (pause_requests) stream->PauseRequest();
  }
  void OnBadRequest(ServerStream* request_stream, const HeadError& error) override {
    stream = request_stream;
    events.push_back(error.too_large ? "too large" : "bad");
    stream->EndConnection();
    Answer(400, "");
  }
  void OnConnectionDone() override { events.emplace_back("done"); }

  void OnRequestData(std::string_view bytes) override { body += bytes; }
  void OnRequestTrailers(const HeaderList& trailers) override {
    events.push_back("trailers " + std::to_string(trailers.size()));
  }
  void OnRequestEnd() override { events.emplace_back("end"); }
  void OnRequestBroken(std::string_view) override {
    events.emplace_back("broken");
    Answer(400, "");
  }
  void OnResponseDrained() override { events.emplace_back("drained"); }
  void OnClientGone(std::string_view) override {
    stream = nullptr;
    events.emplace_back("gone");
  }

  void Answer(int status, std::string_view text, BodyKind kind = BodyKind::kLength) {
    ResponseHead head;
    head.status = status;
    head.reason = "Reason";
    const std::string length = std::to_string(text.size());
    if (kind == BodyKind::kLength) head.headers.Add("Content-Length", length);
    head.body = {kind, text.size()};
    stream->SendHead(head);
    stream->SendBody(text);
    std::exchange(stream, nullptr)->EndResponse(EndKind::kClean);
  }
  std::vector<std::string> TakeEvents() { return std::exchange(events, {}); }

  ServerStream* stream = nullptr;
  bool pause_requests = false;
  std::string body;
  std::vector<std::string> events;
};

class H1ServerTest : public testing::Test {
 protected:
  H1ServerTest() {
    context_.loop = &loop_;
    Connect();
  }
  ~H1ServerTest() override {
    server_.reset();
    RunTurn(&loop_);
  }

  void Connect(std::string early = {}) {
    server_ = net::RetirePtr<H1Server>(
        new H1Server(&context_, net::TransportPtr(new FakeTransport(&loop_, &wire_)),
                     std::move(early), H1Server::HalfClose::kIsClosed, &owner_));
  }
  void Receive(std::string_view bytes) {
    wire_.listener->OnData(bytes);
    RunTurn(&loop_);
  }

  CodecContext context_;
  net::EventLoop loop_;
  Wire wire_;
  TestOwner owner_;
  net::RetirePtr<H1Server> server_;
};

TEST_F(H1ServerTest, ServesOneRequestAfterAnother) {
  for (int i = 0; i < 3; ++i) {
    Receive("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(owner_.TakeEvents(), ElementsAre("GET /a", "end"));
    owner_.Answer(200, "hi");
    EXPECT_EQ(wire_.TakeWritten(), "HTTP/1.1 200 Reason\r\nContent-Length: 2\r\n\r\nhi");
    EXPECT_TRUE(server_->idle());
  }
}

TEST_F(H1ServerTest, PipelinedRequestsWaitTheirTurn) {
  Receive(
      "GET /1 HTTP/1.1\r\nHost: x\r\n\r\n"
      "POST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
      "GET /3 HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(owner_.TakeEvents(), ElementsAre("GET /1", "end"));
  owner_.Answer(200, "1");
  RunTurn(&loop_);
  EXPECT_THAT(owner_.TakeEvents(), ElementsAre("POST /2", "end"));
  EXPECT_EQ(owner_.body, "abc");
  owner_.Answer(200, "2");
  RunTurn(&loop_);
  EXPECT_THAT(owner_.TakeEvents(), ElementsAre("GET /3", "end"));
}

TEST_F(H1ServerTest, APausedBodyWaitsAndTheTransportStopsReading) {
  owner_.pause_requests = true;
  Receive("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
  EXPECT_EQ(owner_.body, "");
  EXPECT_NE(wire_.paused, 0);
  owner_.stream->ResumeRequest();
  RunTurn(&loop_);
  EXPECT_EQ(owner_.body, "hello");
  EXPECT_EQ(wire_.paused, 0);
}

TEST_F(H1ServerTest, ChunkedBodiesAndTrailersArrive) {
  Receive("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  Receive("2\r\nde\r\n0\r\nX-T: 1\r\n\r\n");
  EXPECT_EQ(owner_.body, "abcde");
  EXPECT_THAT(owner_.TakeEvents(), ElementsAre("POST /", "trailers 1", "end"));
}

TEST_F(H1ServerTest, ABodyThatBreaksItsFramingEndsTheConnection) {
  Receive("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcX");
  EXPECT_THAT(owner_.TakeEvents(), ElementsAre("POST /", "broken", "done"));
  EXPECT_THAT(wire_.written, StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(wire_.written, HasSubstr("Connection: close"));
}

TEST_F(H1ServerTest, NothingBehindABadHeadIsServed) {
  Receive("GET / HTTP/1.1\r\nHost : x\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(owner_.TakeEvents(), ElementsAre("bad", "done"));
  EXPECT_TRUE(wire_.retired);
}

TEST_F(H1ServerTest, AnUnknownLengthGoesOutChunked) {
  Receive("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  owner_.Answer(200, "hello", BodyKind::kStreamed);
  EXPECT_EQ(wire_.TakeWritten(),
            "HTTP/1.1 200 Reason\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
}

TEST_F(H1ServerTest, AnOldClientGetsAnUnknownLengthUntilTheClose) {
  Receive("GET / HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n\r\n");
  owner_.Answer(200, "hello", BodyKind::kStreamed);
  EXPECT_EQ(wire_.TakeWritten(), "HTTP/1.1 200 Reason\r\nConnection: close\r\n\r\nhello");
  EXPECT_TRUE(wire_.retired);
}

TEST_F(H1ServerTest, AnEarlyReplyKeepsTheConnectionWhenTheRestOfTheBodyIsShort) {
  Receive("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345");
  owner_.Answer(413, "no");
  Receive("67890GET /next HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(owner_.TakeEvents(), ElementsAre("POST /", "GET /next", "end"));
}

TEST_F(H1ServerTest, AnEarlyReplyClosesWhenTheBodyIsLongOrAwaited) {
  Receive("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n12345");
  owner_.Answer(413, "no");
  EXPECT_THAT(wire_.written, HasSubstr("Connection: close"));
  EXPECT_TRUE(wire_.retired);
}

TEST_F(H1ServerTest, AReplyCutShortEndsTheConnectionAndIsPassedOnAsFarAsItCame) {
  Receive("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  ResponseHead head;
  head.status = 200;
  head.body = {BodyKind::kLength, 10};
  owner_.stream->SendHead(head);
  owner_.stream->SendBody("123");
  owner_.stream->EndResponse(EndKind::kClean);
  EXPECT_THAT(wire_.written, testing::EndsWith("\r\n\r\n123"));
  EXPECT_TRUE(wire_.shut_down);
  EXPECT_TRUE(wire_.retired);
}

TEST_F(H1ServerTest, AReplyOfUnknownLengthCutShortIsReset) {
  Receive("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  ResponseHead head;
  head.status = 200;
  head.body = {BodyKind::kUntilClose, 0};
  owner_.stream->SendHead(head);
  owner_.stream->SendBody("123");
  owner_.stream->Abort();
  EXPECT_TRUE(wire_.reset);
  EXPECT_TRUE(wire_.retired);
}

TEST_F(H1ServerTest, AfterASwitchBytesPassUnframedBothWays) {
  Receive("GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: ws\r\n\r\n");
  ResponseHead head;
  head.status = 101;
  head.reason = "Switching";
  head.upgrade = "ws";
  owner_.stream->SendHead(head);
  owner_.stream->SendBody("down");
  EXPECT_THAT(wire_.TakeWritten(), testing::EndsWith("Upgrade: ws\r\n\r\ndown"));
  Receive("GET not a request");
  EXPECT_EQ(owner_.body, "GET not a request");
}

TEST_F(H1ServerTest, TheClientsGoingIsToldWhileAReplyIsOwed) {
  Receive("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  wire_.listener->OnEnd(net::EndKind::kClean);
  EXPECT_THAT(owner_.TakeEvents(), ElementsAre("GET /", "end", "gone", "done"));
}

TEST_F(H1ServerTest, DetachGivesAwayWhatCameBehindAConnect) {
  owner_.events.clear();
  Receive("CONNECT a:443 HTTP/1.1\r\n\r\nEARLY");
  H1Server::Detached detached = server_->Detach("HTTP/1.1 200 OK\r\n\r\n");
  EXPECT_EQ(detached.early, "EARLY");
  EXPECT_EQ(wire_.written, "HTTP/1.1 200 OK\r\n\r\n");
  detached.transport.reset();
}

TEST_F(H1ServerTest, DrainingFinishesTheReplyAndCloses) {
  Receive("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  server_->Drain();
  EXPECT_FALSE(wire_.retired);
  owner_.Answer(200, "last");
  EXPECT_THAT(wire_.written, HasSubstr("Connection: close"));
  EXPECT_TRUE(wire_.retired);
}

TEST_F(H1ServerTest, DrainingClosesAnIdleConnectionAtOnce) {
  server_->Drain();
  RunTurn(&loop_);
  EXPECT_THAT(owner_.TakeEvents(), ElementsAre("done"));
}

}  // namespace
}  // namespace sallyport::http

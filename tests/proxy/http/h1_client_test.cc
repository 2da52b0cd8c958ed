#include "proxy/http/h1_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "tests/proxy/http/fake_transport.h"

namespace sallyport::http {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

class TestUser final : public ReplyListener, public H1Client::Owner {
 public:
  void OnInformational(ResponseHead* head) override { Note("info", head->status); }
  void OnReplyHead(ResponseHead* head) override {
    Note("head", head->status);
    if (pause_at_head) client->PauseReply();
  }
  void OnReplyData(std::string_view bytes) override { body += bytes; }
  void OnReplyTrailers(const HeaderList& trailers) override {
    Note("trailers", static_cast<int>(trailers.size()));
  }
  void OnReplyEnd(EndKind kind) override {
    events.emplace_back(kind == EndKind::kClean ? "end" : "truncated");
    if (release_at_end) client->Release();
  }
  void OnRequestDrained() override {}
  void OnReplyError(StreamError error, bool nothing_received, const std::string&) override {
    events.push_back(std::string(error == StreamError::kProtocol ? "protocol" : "connection") +
                     (nothing_received ? " nothing" : ""));
  }
  void OnReleased(H1Client*, bool is_reusable) override {
    events.emplace_back(is_reusable ? "reusable" : "done with");
    if (is_reusable && on_reusable) on_reusable();
  }
  std::vector<std::string> TakeEvents() { return std::exchange(events, {}); }

  H1Client* client = nullptr;
  bool pause_at_head = false;
  bool release_at_end = false;
  std::function<void()> on_reusable;
  std::string body;
  std::vector<std::string> events;

 private:
  void Note(const char* what, int number) {
    events.push_back(std::string(what) + " " + std::to_string(number));
  }
};

class H1ClientTest : public testing::Test {
 protected:
  H1ClientTest() {
    context_.loop = &loop_;
    client_ = net::RetirePtr<H1Client>(
        new H1Client(&context_, net::TransportPtr(new FakeTransport(&loop_, &wire_)), &user_));
    user_.client = client_.get();
  }
  ~H1ClientTest() override {
    client_.reset();
    RunTurn(&loop_);
  }

  void Send(std::string_view method, BodyFraming body = {}, std::string_view upgrade = {}) {
    RequestHead head;
    head.method = method;
    head.path = "/p?q";
    head.host = "api.test";
    head.headers.Add("X-A", "1");
    head.body = body;
    head.upgrade = upgrade;
    client_->SetListener(&user_);
    client_->SendHead(head);
    if (body.kind == BodyKind::kNone) client_->EndRequest();
  }
  void Receive(std::string_view bytes) {
    wire_.listener->OnData(bytes);
    RunTurn(&loop_);
  }

  CodecContext context_;
  net::EventLoop loop_;
  Wire wire_;
  TestUser user_;
  net::RetirePtr<H1Client> client_;
};

TEST_F(H1ClientTest, WritesTheRequestFromItsPartsAndIsReusableAfterItsReply) {
  for (int i = 0; i < 2; ++i) {
    Send("GET");
    EXPECT_EQ(wire_.TakeWritten(), "GET /p?q HTTP/1.1\r\nHost: api.test\r\nX-A: 1\r\n\r\n");
    Receive("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    client_->Release();
    EXPECT_THAT(user_.TakeEvents(), ElementsAre("head 200", "end", "reusable"));
    EXPECT_EQ(std::exchange(user_.body, {}), "hi");
  }
}

TEST_F(H1ClientTest, StreamsAChunkedRequestWithTrailers) {
  Send("POST", {BodyKind::kStreamed, 0});
  client_->SendBody("hello");
  HeaderList trailers;
  trailers.Add("X-T", "1");
  client_->SendTrailers(trailers);
  client_->EndRequest();
  EXPECT_THAT(wire_.written, HasSubstr("Transfer-Encoding: chunked\r\n"));
  EXPECT_THAT(wire_.written, testing::EndsWith("5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n"));
}

TEST_F(H1ClientTest, PassesEveryInterimReply) {
  Send("GET");
  Receive(
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
      "HTTP/1.1 204 No Content\r\n\r\n");
  EXPECT_THAT(user_.TakeEvents(), ElementsAre("info 100", "info 103", "head 204", "end"));
}

TEST_F(H1ClientTest, ReadsChunksTrailersAndAReplyUntilTheClose) {
  Send("GET");
  Receive("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: 1\r\n\r\n");
  EXPECT_THAT(user_.TakeEvents(), ElementsAre("head 200", "trailers 1", "end"));
  client_->Release();
  user_.TakeEvents();
  Send("GET");
  Receive("HTTP/1.0 200 OK\r\n\r\nde");
  wire_.listener->OnEnd(net::EndKind::kTruncated);
  EXPECT_EQ(user_.body, "abcde");
  EXPECT_THAT(user_.TakeEvents(), ElementsAre("head 200", "truncated"));
}

TEST_F(H1ClientTest, ABodyCutShortIsAnErrorNotAnEnd) {
  Send("GET");
  Receive("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n123");
  wire_.listener->OnEnd(net::EndKind::kClean);
  EXPECT_THAT(user_.TakeEvents(), ElementsAre("head 200", "connection"));
}

TEST_F(H1ClientTest, SaysWhetherAnythingCameBeforeAnError) {
  Send("GET");
  wire_.listener->OnEnd(net::EndKind::kClean);
  EXPECT_THAT(user_.TakeEvents(), ElementsAre("connection nothing"));
}

TEST_F(H1ClientTest, ASwitchNobodyAskedForIsRefused) {
  Send("GET");
  Receive("HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: ws\r\n\r\n");
  EXPECT_THAT(user_.TakeEvents(), ElementsAre("protocol"));
}

TEST_F(H1ClientTest, AfterASwitchBytesPassUnframed) {
  Send("GET", {}, "ws");
  EXPECT_THAT(wire_.TakeWritten(), HasSubstr("Connection: Upgrade\r\nUpgrade: ws\r\n"));
  Receive("HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: ws\r\n\r\nHTTP/1.1 raw");
  client_->SendBody("up");
  EXPECT_EQ(wire_.TakeWritten(), "up");
  EXPECT_EQ(user_.body, "HTTP/1.1 raw");
}

TEST_F(H1ClientTest, BytesBehindAReplyMakeTheConnectionUnfit) {
  Send("GET");
  Receive("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 200 OK\r\n\r\n");
  client_->Release();
  EXPECT_THAT(user_.TakeEvents(), ElementsAre("head 200", "end", "done with"));
}

// By whoever waits for a connection, from inside the end of the reply before.
TEST_F(H1ClientTest, AConnectionTakenAgainAtOnceNeverGetsWhatCameBehindTheLastReply) {
  user_.release_at_end = true;
  user_.on_reusable = [this] { Send("GET"); };
  Send("GET");
  Receive(
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
      "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison");
  EXPECT_THAT(user_.TakeEvents(), ElementsAre("head 200", "end", "done with"));
  EXPECT_EQ(user_.body, "ok");
}

TEST_F(H1ClientTest, AConnectionMayBeTakenAgainAtOnce) {
  user_.release_at_end = true;
  user_.on_reusable = [this] {
    if (client_->requests() < 2) Send("GET");
  };
  Send("GET");
  Receive("HTTP/1.1 204 No Content\r\n\r\n");
  EXPECT_THAT(user_.TakeEvents(), ElementsAre("head 204", "end", "reusable"));
  Receive("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  EXPECT_THAT(user_.TakeEvents(), ElementsAre("head 200", "end", "reusable"));
}

TEST_F(H1ClientTest, AnIdleConnectionThatSpeaksOrEndsIsDoneWith) {
  Receive("HTTP/1.1 408 Timeout\r\n\r\n");
  EXPECT_THAT(user_.TakeEvents(), ElementsAre("done with"));
  wire_.listener->OnEnd(net::EndKind::kClean);
  EXPECT_THAT(user_.TakeEvents(), ElementsAre("done with"));
}

TEST_F(H1ClientTest, AnUnfinishedRequestIsNotReusable) {
  Send("POST", {BodyKind::kLength, 10});
  Receive("HTTP/1.1 413 Large\r\nContent-Length: 0\r\n\r\n");
  client_->Release();
  EXPECT_THAT(user_.TakeEvents(), ElementsAre("head 413", "end", "done with"));
}

TEST_F(H1ClientTest, APausedReplyWaits) {
  user_.pause_at_head = true;
  Send("GET");
  Receive("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
  EXPECT_EQ(user_.body, "");
  EXPECT_NE(wire_.paused, 0);
  client_->ResumeReply();
  RunTurn(&loop_);
  EXPECT_EQ(user_.body, "hi");
  EXPECT_THAT(user_.TakeEvents(), ElementsAre("head 200", "end"));
}

}  // namespace
}  // namespace sallyport::http

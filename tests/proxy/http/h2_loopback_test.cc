// Both sides of HTTP/2 against each other, over real sockets and a real loop.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proxy/http/h2_client.h"
#include "proxy/http/h2_server.h"
#include "proxy/net/stream_transport.h"

namespace sallyport::http {
namespace {

constexpr size_t kStreams = 20;

// Gives each body back as it comes, as fast as it is taken.
class Echo final : public RequestListener {
 public:
  explicit Echo(ServerStream* stream) : stream_(stream) { stream_->SetListener(this); }

  void Begin() {
    ResponseHead head;
    head.status = 200;
    head.body.kind = BodyKind::kStreamed;
    stream_->SendHead(head);
  }
  void OnRequestData(std::string_view bytes) override {
    if (stream_->SendBody(bytes) == WriteResult::kBlocked) stream_->PauseRequest();
  }
  void OnRequestTrailers(const HeaderList& trailers) override { stream_->SendTrailers(trailers); }
  void OnRequestEnd() override { stream_->EndResponse(EndKind::kClean); }
  void OnRequestBroken(std::string_view reason) override { FAIL() << reason; }
  void OnResponseDrained() override { stream_->ResumeRequest(); }
  void OnClientGone(std::string_view reason) override { FAIL() << reason; }

 private:
  ServerStream* stream_;
};

class EchoServer final : public H2Server::Owner {
 public:
  void OnRequest(ServerStream* stream, RequestHead*) override {
    echoes_.push_back(std::make_unique<Echo>(stream));
    echoes_.back()->Begin();
  }
  void OnBadRequest(ServerStream*, const HeadError& error) override { FAIL() << error.message; }
  void OnConnectionDone() override {}

 private:
  std::vector<std::unique_ptr<Echo>> echoes_;
};

// Sends `body` in pieces and wants it back.
class Upload final : public ReplyListener {
 public:
  Upload(ClientStream* stream, std::string body, size_t* running)
      : stream_(stream), body_(std::move(body)), running_(running) {
    stream_->SetListener(this);
    RequestHead head;
    head.method = "POST";
    head.host = "a.test";
    head.path = "/";
    head.body.kind = BodyKind::kStreamed;
    stream_->SendHead(head);
    Send();
  }

  void OnInformational(ResponseHead*) override {}
  void OnReplyHead(ResponseHead* head) override { EXPECT_EQ(head->status, 200); }
  void OnReplyData(std::string_view bytes) override {
    received_ += bytes;
    // Now and then the reader is slow.
    if (received_.size() % 7 == 0) {
      stream_->PauseReply();
      stream_->ResumeReply();
    }
  }
  void OnReplyTrailers(const HeaderList& trailers) override { trailers_ += trailers.size(); }
  void OnReplyEnd(EndKind) override {
    EXPECT_TRUE(received_ == body_);
    EXPECT_EQ(trailers_, 1U);
    stream_->Release();
    --*running_;
  }
  void OnRequestDrained() override { Send(); }
  void OnReplyError(StreamError, bool, const std::string& detail) override { FAIL() << detail; }

 private:
  void Send() {
    while (sent_ < body_.size()) {
      const std::string_view piece = std::string_view(body_).substr(sent_, 30'000);
      sent_ += piece.size();
      if (stream_->SendBody(piece) == WriteResult::kBlocked) return;
    }
    HeaderList trailers;
    trailers.Add("X-Sum", "1");
    stream_->SendTrailers(trailers);
    stream_->EndRequest();
  }

  ClientStream* stream_;
  const std::string body_;
  size_t* running_;
  size_t sent_ = 0;
  size_t trailers_ = 0;
  std::string received_;
};

class QuietOwner final : public H2Client::Owner {
 public:
  void OnCapacityChanged(H2Client*) override {}
  void OnIdle(H2Client*) override { ++idle; }
  void OnDead(H2Client*) override {}
  int idle = 0;
};

net::TransportPtr Transport(net::EventLoop* loop, int socket) {
  return net::TransportPtr(
      new net::StreamTransport(loop, net::StreamKind::kUnix, UniqueFd(socket)));
}

TEST(H2LoopbackTest, LargeBodiesOfManyStreamsPassBothWaysAtOnce) {
  net::EventLoop loop;
  CodecContext context;
  context.loop = &loop;
  int sockets[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sockets), 0);
  EchoServer echo;
  QuietOwner owner;
  net::RetirePtr<H2Server> server(new H2Server(&context, Transport(&loop, sockets[0]), {}, &echo));
  net::RetirePtr<H2Client> client(
      new H2Client(&context, Transport(&loop, sockets[1]), H2Client::Scheme::kHttps, &owner));
  size_t running = kStreams;
  std::vector<std::unique_ptr<Upload>> uploads;
  for (size_t i = 0; i < kStreams; ++i) {
    std::string body((i + 1) * 50'000, static_cast<char>('a' + i));
    uploads.push_back(std::make_unique<Upload>(client->OpenStream(), std::move(body), &running));
  }
  while (running > 0) uv_run(loop.uv(), UV_RUN_ONCE);
  uv_run(loop.uv(), UV_RUN_NOWAIT);
  EXPECT_EQ(owner.idle, 1);
  EXPECT_EQ(client->streams(), 0U);
}

}  // namespace
}  // namespace sallyport::http

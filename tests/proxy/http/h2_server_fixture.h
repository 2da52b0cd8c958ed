#ifndef SALLYPORT_TESTS_PROXY_HTTP_H2_SERVER_FIXTURE_H_
#define SALLYPORT_TESTS_PROXY_HTTP_H2_SERVER_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proxy/http/h2_server.h"
#include "proxy/http/local_reply.h"
#include "tests/proxy/http/fake_transport.h"
#include "tests/proxy/http/h2_frames.h"

// An H2Server whose client writes frames by hand.
namespace sallyport::http {

// One request as the exchange would have it.
class ServedRequest final : public RequestListener {
 public:
  ServedRequest(ServerStream* its_stream, const RequestHead* its_head)
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
  void OnRequestBroken(std::string_view reason) override { FAIL() << reason; }
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

class ServingOwner final : public H2Server::Owner {
 public:
  void OnRequest(ServerStream* stream, RequestHead* head) override {
    requests.push_back(std::make_unique<ServedRequest>(stream, head));
    if (pause) stream->PauseRequest();
  }
  void OnBadRequest(ServerStream* stream, const HeadError& error) override {
    LocalReply reply;
    reply.code = error.too_large ? ReplyCode::kHeaderTooLarge : ReplyCode::kBadRequest;
    reply.message = error.message;
    SendLocalReply(stream, reply, false);
  }
  void OnConnectionDone() override { done = true; }

  ServedRequest& last() { return *requests.back(); }

  bool pause = false;
  bool done = false;
  std::vector<std::unique_ptr<ServedRequest>> requests;
};

inline FieldLines Get(std::string path = "/") {
  return {{":method", "GET"}, {":scheme", "https"}, {":authority", "a.test"}, {":path", path}};
}
inline FieldLines Post() {
  return {{":method", "POST"}, {":scheme", "https"}, {":authority", "a.test"}, {":path", "/"}};
}
inline FieldLines WebSocket() {
  return {{":method", "CONNECT"},   {":protocol", "websocket"}, {":scheme", "https"},
          {":authority", "a.test"}, {":path", "/chat"},         {"sec-websocket-version", "13"}};
}
inline FieldLines With(FieldLines fields, const std::string& name, const std::string& value) {
  fields.emplace_back(name, value);
  return fields;
}
inline FieldLines Without(FieldLines fields, const std::string& name) {
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
    EXPECT_THAT(TakeLines(),
                testing::ElementsAre("HEADERS " + std::to_string(stream) + " :status=200",
                                     "DATA " + std::to_string(stream) + " yes end"));
  }

  CodecContext context_;
  net::EventLoop loop_;
  Wire wire_;
  std::optional<FrameReader> reader_;
  ServingOwner owner_;
  std::vector<SeenFrame> first_;
  net::RetirePtr<H2Server> server_;
};

}  // namespace sallyport::http

#endif  // SALLYPORT_TESTS_PROXY_HTTP_H2_SERVER_FIXTURE_H_

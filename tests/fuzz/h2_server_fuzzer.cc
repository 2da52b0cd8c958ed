// A client's frames against H2Server, with an owner that does what the exchange does. Three lines
// come before the frames:
//   1. how the connection is: 'x' where the input has the preface itself; 'r' where it breaks at
//      the end, 't' where it ends truncated, cleanly otherwise
//   2. what the owner does with one request after another, a letter each (Request::ActOnHead)
//   3. how the bytes are cut into reads (Cuts)

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/http/h2_server.h"
#include "proxy/http/local_reply.h"
#include "proxy/http/websocket_handshake.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/fuzz/head_checks.h"
#include "tests/fuzz/in_memory_transport.h"

namespace sallyport::fuzz {
namespace {

using http::BodyKind;
using http::HeaderList;
using http::RequestHead;
using http::ResponseHead;
using http::ServerStream;

constexpr std::string_view kBeginning(
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\0\x04\x01\0\0\0\0", 42);

// One request. Checks that what it is told comes in order.
class Request final : private http::RequestListener {
 public:
  Request(http::H2Server* server, ServerStream* stream, RequestHead* head, char act)
      : server_(server), stream_(stream), head_(head), act_(act) {
    CheckHead();
    stream_->SetListener(this);
    ActOnHead();
  }

  bool over() const { return stream_ == nullptr; }
  void Forget() { stream_ = nullptr; }

  // Between turns, where a reply from elsewhere would come.
  void Act() {
    if (over()) return;
    if (std::exchange(paused_, false)) stream_->ResumeRequest();
    if (over() || !std::exchange(answer_owed_, false)) return;
    Answer();
  }

 private:
  void CheckHead() {
    Require(http::IsToken(head_->method), "the method is no token");
    Require(HasNoControlBytes(head_->path), "the path has a byte that no target has");
    Require(head_->path.find('#') == std::string_view::npos, "a fragment in the path");
    Require(!head_->host.empty() && http::IsFieldValue(head_->host), "Host is missing or bad");
    Require(head_->scheme.empty() || head_->scheme == "http", "another scheme");
    Require(head_->headers.Find(http::HeaderId::kHost) == nullptr, "Host is among the fields");
    Require(head_->headers.Find(http::HeaderId::kConnection) == nullptr, "a connection's field");
    Require(head_->headers.size() <= 32, "more fields than the limit");
    // A POST that ends with its head has the length 0, and needs no field that says so.
    CheckFields(head_->headers, head_->body,
                head_->body.kind == BodyKind::kLength && head_->body.length > 0);
  }

  void ActOnHead() {
    switch (act_) {
      case 'a':
        std::exchange(stream_, nullptr)->Abort();
        break;
      case 'h':
        Answer();
        break;
      case 'p':
        paused_ = true;
        stream_->PauseRequest();
        break;
      case 'i':
        SendInterim();
        break;
      case 'd':
        server_->Drain();
        break;
      case 'u':
        Switch();
        break;
      default:
        break;
    }
  }

  // http::RequestListener
  void OnRequestData(std::string_view bytes) override {
    CheckListening();
    Require(!ended_ || raw_, "data behind the request's end");
    Require(!trailers_seen_, "data behind the trailers");
    size_ += bytes.size();
    Require(raw_ || head_->body.kind == BodyKind::kStreamed || size_ <= head_->body.length,
            "more body than content-length says");
    if (raw_) stream_->SendBody(bytes);
  }
  void OnRequestTrailers(const HeaderList& trailers) override {
    CheckListening();
    Require(!ended_ && !trailers_seen_, "trailers out of place");
    trailers_seen_ = true;
    CheckFields(trailers, {}, false);
  }
  void OnRequestEnd() override {
    CheckListening();
    Require(!ended_ || raw_, "two ends of one request");
    Require(head_->body.kind != BodyKind::kLength || size_ == head_->body.length,
            "less body than content-length says");
    ended_ = true;
    if (raw_) {
      std::exchange(stream_, nullptr)->EndResponse(http::EndKind::kClean);
    } else if (act_ == 'l') {
      answer_owed_ = true;
    } else if (act_ == 'U') {
      Switch();
    } else {
      Answer();
    }
  }
  void OnRequestBroken(std::string_view) override { Require(false, "framing of HTTP/1"); }
  void OnResponseDrained() override { CheckListening(); }
  void OnClientGone(std::string_view reason) override {
    CheckListening();
    Require(!reason.empty(), "gone without a reason");
    stream_ = nullptr;
  }

  void CheckListening() { Require(stream_ != nullptr, "told something after its end"); }

  void SendInterim() {
    ResponseHead head;
    head.status = 103;
    stream_->SendInformational(head);
  }

  void Switch() {
    if (head_->upgrade.empty()) return;
    const http::Header* key = head_->headers.Find(http::kWebSocketKey);
    Require(key != nullptr, "a WebSocket without a key");
    const std::string accept = http::WebSocketAcceptFor(key->value);
    ResponseHead head;
    head.status = 101;
    head.upgrade = http::kWebSocket;
    if (act_ == 'u') head.headers.Add(http::kWebSocketAccept, accept);
    raw_ = act_ == 'u';
    stream_->SendHead(head);
  }

  void Answer() {
    ResponseHead head;
    head.status = 200;
    head.headers.Add("Content-Type", "text/plain");
    head.body = {act_ == 'n' ? BodyKind::kNone : BodyKind::kStreamed, 0};
    if (act_ == 's') head.body = {BodyKind::kLength, 10};
    stream_->SendHead(head);
    stream_->SendBody(act_ == 'L' ? std::string(300'000, 'x') : "hello");
    if (act_ == 't') {
      HeaderList trailers;
      trailers.Add("X-Sum", "1");
      stream_->SendTrailers(trailers);
    }
    const auto kind = act_ == 'T' ? http::EndKind::kTruncated : http::EndKind::kClean;
    std::exchange(stream_, nullptr)->EndResponse(kind);
  }

  http::H2Server* server_;
  ServerStream* stream_;
  RequestHead* head_;
  char act_;
  uint64_t size_ = 0;
  bool ended_ = false;
  bool raw_ = false;
  bool paused_ = false;
  bool answer_owed_ = false;
  bool trailers_seen_ = false;
};

class Session final : public http::H2Server::Owner {
 public:
  Session(std::string_view connection, std::string_view acts)
      : connection_(connection), acts_(acts, 'e') {
    context_.loop = &Loop();
    context_.limits.max_head_bytes = 1024;
    context_.limits.max_fields = 32;
  }

  void Run(Cuts cuts, std::string_view bytes) {
    server_ = net::RetirePtr<http::H2Server>(
        new http::H2Server(&context_, net::TransportPtr(new InMemoryTransport(&Loop(), &peer_)),
                           Has('x') ? "" : std::string(kBeginning), this));
    Settle();
    while (!bytes.empty() && peer_.connected() && peer_.transport->CanDeliver()) {
      peer_.transport->Deliver(cuts.TakePiece(&bytes));
      Settle();
    }
    if (server_ != nullptr && peer_.connected() && !peer_.transport->read_ended()) {
      if (Has('r')) {
        peer_.transport->Break();
      } else {
        peer_.transport->End(Has('t') ? net::EndKind::kTruncated : net::EndKind::kClean);
      }
    }
    Settle();
    Require(over_ || retired_, "the connection outlives its end");
    for (const auto& request : requests_) Require(request->over(), "a stream outlives its end");
    server_.reset();
    Settle();
  }

 private:
  bool Has(char letter) const { return connection_.find(letter) != std::string_view::npos; }

  void Settle() {
    for (int i = 0; i < 3; ++i) {
      RunTurn();
      for (size_t at = 0; at < requests_.size(); ++at) requests_[at]->Act();
    }
    RunTurn();
  }

  void OnRequest(ServerStream* stream, RequestHead* head) override {
    Require(!over_ && !retired_, "a request after the end");
    const char act = acts_.Next();
    if (act == 'z') {
      retired_ = true;
      for (const auto& request : requests_) request->Forget();
      server_.reset();
      return;
    }
    requests_.push_back(std::make_unique<Request>(server_.get(), stream, head, act));
  }
  void OnBadRequest(ServerStream* stream, const http::HeadError& error) override {
    Require(!over_ && !retired_, "a refusal after the end");
    Require(!error.message.empty(), "a refusal without a reason");
    http::LocalReply reply;
    reply.message = error.message;
    http::SendLocalReply(stream, reply, /*head_only=*/false);
  }
  void OnConnectionDone() override {
    Require(!over_ && !retired_, "the connection ends twice");
    over_ = true;
    for (const auto& request : requests_) {
      Require(request->over(), "the connection ends before its streams");
    }
  }

  std::string_view connection_;
  Letters acts_;
  http::CodecContext context_;
  Peer peer_;
  std::vector<std::unique_ptr<Request>> requests_;
  bool over_ = false;
  bool retired_ = false;
  net::RetirePtr<http::H2Server> server_;
};

}  // namespace
}  // namespace sallyport::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sallyport::fuzz;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string_view connection = TakeLine(&text);
  const std::string_view acts = TakeLine(&text);
  const std::string_view cuts = TakeLine(&text);
  Session(connection, acts).Run(Cuts::Whole(), text);
  Session(connection, acts).Run(Cuts::FromLetters(cuts), text);
  return 0;
}

// An upstream's frames against H2Client with several requests under way. Three lines come before
// the frames:
//   1. how the connection is: 'r' where it breaks at the end, 't' where it ends truncated, cleanly
//      otherwise
//   2. the requests, a letter each (Reply::Send)
//   3. how the bytes are cut into reads (Cuts)

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/arena.h"
#include "proxy/http/h2_client.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/fuzz/head_checks.h"
#include "tests/fuzz/in_memory_transport.h"

namespace sallyport::fuzz {
namespace {

using http::BodyKind;
using http::ClientStream;
using http::HeaderList;
using http::ResponseHead;

// One request's user. Checks that what it is told comes in order.
class Reply final : private http::ReplyListener {
 public:
  Reply(ClientStream* stream, Arena* arena, char letter) : stream_(stream), letter_(letter) {
    stream_->SetListener(this);
    Send(arena);
  }

  bool over() const { return stream_ == nullptr; }
  void Act() {
    if (!over() && std::exchange(paused_, false)) stream_->ResumeReply();
  }
  void Release() {
    if (!over()) std::exchange(stream_, nullptr)->Release();
  }

 private:
  void Send(Arena* arena) {
    http::RequestHead head;
    head.arena = arena;
    head.method = letter_ == 'h' ? "HEAD" : "GET";
    head.host = "a.test";
    head.path = "/";
    const bool has_body = letter_ == 'b' || letter_ == 'B';
    if (has_body) head.body.kind = BodyKind::kStreamed;
    if (letter_ == 'w') {
      head.upgrade = "websocket";
      head.headers.Add("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
    }
    stream_->SendHead(head);
    if (has_body) stream_->SendBody(std::string(letter_ == 'B' ? 300'000 : 10, 'x'));
    if (letter_ != 'o') stream_->EndRequest();
    if (letter_ == 'p') {
      paused_ = true;
      stream_->PauseReply();
    }
    if (letter_ == 'c') Release();
  }

  // http::ReplyListener
  void OnInformational(ResponseHead* head) override {
    Require(!over() && !head_seen_ && head->status < 200, "an interim reply out of place");
    Check(*head);
  }
  void OnReplyHead(ResponseHead* head) override {
    Require(!over() && !head_seen_, "two heads");
    Require(head->status >= 200 || (head->status == 101 && letter_ == 'w'), "no final status");
    head_seen_ = true;
    body_ = head->body;
    raw_ = head->status == 101;
    Check(*head);
    if (letter_ == 'r') Release();
    if (raw_) {
      stream_->SendBody("up");
      stream_->EndRequest();
    }
  }
  void OnReplyData(std::string_view bytes) override {
    Require(!over() && head_seen_ && !trailers_seen_, "data out of place");
    size_ += bytes.size();
    Require(raw_ || body_.kind != BodyKind::kNone || bytes.empty(), "a body where none can be");
    Require(body_.kind != BodyKind::kLength || size_ <= body_.length, "more than content-length");
    if (letter_ == 'd') Release();
  }
  void OnReplyTrailers(const HeaderList& trailers) override {
    Require(!over() && head_seen_ && !trailers_seen_, "trailers out of place");
    trailers_seen_ = true;
    CheckFields(trailers, {}, false);
  }
  void OnReplyEnd(http::EndKind) override {
    Require(!over() && head_seen_, "an end out of place");
    Require(body_.kind != BodyKind::kLength || size_ == body_.length, "less than content-length");
    Release();
  }
  void OnRequestDrained() override { Require(!over(), "told something after its end"); }
  void OnReplyError(http::StreamError error, bool nothing_received,
                    const std::string& detail) override {
    Require(!over() && !detail.empty(), "an error out of place");
    Require(!head_seen_ || !nothing_received, "a head is something");
    Require(error != http::StreamError::kRefused || !head_seen_, "refused and answered");
    Release();
  }

  void Check(const ResponseHead& head) {
    Require(head.status >= 100 && head.status <= 999, "the status has not three digits");
    CheckFields(head.headers, head.body, head.body.kind == BodyKind::kLength);
  }

  ClientStream* stream_;
  char letter_;
  http::BodyFraming body_;
  uint64_t size_ = 0;
  bool head_seen_ = false;
  bool trailers_seen_ = false;
  bool raw_ = false;
  bool paused_ = false;
};

class Session final : public http::H2Client::Owner {
 public:
  Session(std::string_view connection, std::string_view requests)
      : connection_(connection), requests_(requests) {
    context_.loop = &Loop();
    context_.limits.max_head_bytes = 1024;
    context_.limits.max_fields = 32;
  }

  void Run(Cuts cuts, std::string_view bytes) {
    client_ = net::RetirePtr<http::H2Client>(
        new http::H2Client(&context_, net::TransportPtr(new InMemoryTransport(&Loop(), &peer_)),
                           http::H2Client::Scheme::kHttps, this));
    // The upstream says that it takes WebSockets.
    peer_.transport->Deliver(std::string_view("\0\0\x06\x04\0\0\0\0\0\0\x08\0\0\0\x01", 15));
    Settle();
    for (const char letter : requests_.substr(0, 16)) {
      ClientStream* stream = client_->OpenStream();
      if (stream == nullptr) break;
      replies_.push_back(std::make_unique<Reply>(stream, &arena_, letter));
    }
    Settle();
    while (!bytes.empty() && peer_.connected() && peer_.transport->CanDeliver()) {
      peer_.transport->Deliver(cuts.TakePiece(&bytes));
      Settle();
    }
    if (peer_.connected() && !peer_.transport->read_ended()) {
      if (connection_.find('r') != std::string_view::npos) {
        peer_.transport->Break();
      } else {
        const bool truncated = connection_.find('t') != std::string_view::npos;
        peer_.transport->End(truncated ? net::EndKind::kTruncated : net::EndKind::kClean);
      }
    }
    Settle();
    for (const auto& reply : replies_) Require(reply->over(), "a stream outlives its connection");
    Require(dead_, "the connection outlives its end");
    Require(client_->capacity() == 0 && client_->OpenStream() == nullptr, "dead and in use");
    client_.reset();
    Settle();
  }

 private:
  void Settle() {
    for (int i = 0; i < 3; ++i) {
      RunTurn();
      for (const auto& reply : replies_) reply->Act();
    }
    RunTurn();
  }

  void OnCapacityChanged(http::H2Client*) override {
    Require(!dead_, "told something after death");
  }
  void OnIdle(http::H2Client* client) override {
    Require(!dead_ && client->idle(), "idle in the wrong place");
  }
  void OnDead(http::H2Client*) override {
    Require(!dead_, "dead twice");
    dead_ = true;
    for (const auto& reply : replies_) Require(reply->over(), "dead before its streams");
  }

  std::string_view connection_;
  std::string_view requests_;
  http::CodecContext context_;
  Arena arena_;
  Peer peer_;
  std::vector<std::unique_ptr<Reply>> replies_;
  bool dead_ = false;
  net::RetirePtr<http::H2Client> client_;
};

}  // namespace
}  // namespace sallyport::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sallyport::fuzz;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string_view connection = TakeLine(&text);
  const std::string_view requests = TakeLine(&text);
  const std::string_view cuts = TakeLine(&text);
  Session(connection, requests).Run(Cuts::Whole(), text);
  Session(connection, requests).Run(Cuts::FromLetters(cuts), text);
  return 0;
}

// An upstream's bytes against H1Client, with an owner that does what the exchange and the pool do.
// Three lines come before the bytes:
//   1. how the connection ends: 't' truncated, 'r' broken, otherwise cleanly
//   2. what is asked on it, a letter for each request (Session::Ask)
//   3. how the bytes are cut into reads (Cuts)
// The byte 0x1E stands between what comes before the next request is sent and what comes after.
// Whatever the cuts, the same must happen.

#include <fmt/core.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "proxy/http/h1_client.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/fuzz/head_checks.h"
#include "tests/fuzz/in_memory_transport.h"

namespace sallyport::fuzz {
namespace {

using http::BodyKind;
using http::HeaderList;
using http::RequestHead;
using http::ResponseHead;

constexpr char kNextRequest = '\x1e';

struct Input {
  std::string_view connection;
  std::string_view asks;
  std::string_view cuts;
  std::string_view bytes;
};

// When the connection is used again.
enum class Reuse : uint8_t {
  kAfterAllBytes,  // of the request before
  kAtOnce,         // as by somebody who waits for a connection
};

class Session final : public http::H1Client::Owner, private http::ReplyListener {
 public:
  explicit Session(const Input& input, Reuse reuse = Reuse::kAfterAllBytes)
      : input_(input), reuse_(reuse) {
    context_.loop = &Loop();
    // Small enough for an input to go beyond them.
    context_.limits.max_head_bytes = 512;
    context_.limits.max_fields = 16;
    client_ = net::RetirePtr<http::H1Client>(new http::H1Client(
        &context_, net::TransportPtr(new InMemoryTransport(&Loop(), &peer_)), this));
  }

  // All that happened, as text.
  std::string Run(Cuts cuts) {
    std::string_view rest = input_.bytes;
    Ask();
    while (true) {
      std::string_view part = rest.substr(0, rest.find(kNextRequest));
      const bool is_last = part.size() == rest.size();
      rest.remove_prefix(is_last ? part.size() : part.size() + 1);
      Settle();
      while (!part.empty() && CanDeliver()) {
        const std::string_view piece = cuts.TakePiece(&part);
        delivered_ += piece.size();
        ++deliveries_;
        peer_.transport->Deliver(piece);
        Settle();
      }
      if (is_last || !peer_.connected()) break;
      if (idle_) Ask();
    }
    End();
    Require(!asking_, "a request that never hears of its end");
    client_.reset();
    Settle();
    Require(!peer_.connected(), "the transport outlives its connection");
    return fmt::format("{}wire: {}", events_, peer_.written);
  }

  // How many bytes it took for the first reply to be complete, where its framing tells the end.
  std::optional<size_t> first_reply_size() const { return first_reply_size_; }
  // Whether the first reply was given out as a whole one.
  bool first_reply_is_whole() const { return first_reply_is_whole_; }

 private:
  bool Has(char letter) const { return input_.connection.find(letter) != std::string_view::npos; }

  bool CanDeliver() {
    if (!peer_.connected()) return false;
    Require(peer_.transport->CanDeliver(), "the client reads no further and waits for nothing");
    return true;
  }

  void Settle() {
    RunTurn();
    while (std::exchange(resume_owed_, false)) {
      if (asking_) Call([&] { client_->ResumeReply(); });
      RunTurn();
    }
  }

  void End() {
    if (!peer_.connected()) return;
    ended_ = true;
    if (Has('r')) {
      peer_.transport->Break();
    } else {
      peer_.transport->End(Has('t') ? net::EndKind::kTruncated : net::EndKind::kClean);
    }
    Settle();
  }

  // ---- Requests

  void Ask() {
    if (asks_done_ == input_.asks.size() && asks_done_ > 0) return;
    ask_ = input_.asks.empty() ? 'g' : input_.asks[asks_done_];
    ++asks_done_;
    idle_ = false;
    asking_ = true;
    body_size_ = 0;
    head_seen_ = trailers_seen_ = raw_ = request_ended_ = false;
    asked_at_delivery_ = deliveries_;
    method_ = "GET";
    RequestHead head;
    head.path = "/";
    head.host = "x";
    switch (ask_) {
      case 'h':
        method_ = "HEAD";
        break;
      case 'p':  // a body of known length
      case 'w':  // one that is still on its way when the reply comes
        method_ = "POST";
        head.body = {BodyKind::kLength, 4};
        head.headers.Add("Content-Length", "4");
        break;
      case 's':  // a streamed body
        method_ = "POST";
        head.body = {BodyKind::kStreamed, 0};
        break;
      case 'u':  // wants another protocol
      case 'v':  // the same, and ends its own direction as soon as it has it
        head.upgrade = "websocket";
        break;
      default:
        break;
    }
    head.method = method_;
    Note(fmt::format("ask {}", ask_));
    Call([&] {
      client_->SetListener(this);
      client_->SendHead(head);
      if (ask_ == 'w') {
        client_->SendBody("ha");
        return;
      }
      if (head.body.kind != BodyKind::kNone) client_->SendBody("half");
      if (ask_ == 's') SendTrailers();
      client_->EndRequest();
      request_ended_ = true;
    });
  }

  void SendTrailers() {
    HeaderList trailers;
    trailers.Add("X-Sum", "1");
    client_->SendTrailers(trailers);
  }

  void Release() {
    asking_ = false;
    resume_owed_ = false;
    client_->Release();
  }

  void OnReleased(http::H1Client*, bool reusable) override {
    Require(!asking_, "a connection in use is taken away");
    Require(!over_, "a connection ends twice");
    if (!reusable) {
      over_ = true;
      client_.reset();
      return;
    }
    Require(!idle_, "a connection is given back twice");
    Require(request_ended_ && !raw_, "a connection in the middle of something is used again");
    idle_ = true;
    if (reuse_ == Reuse::kAtOnce) Ask();
  }

  // ---- http::ReplyListener

  void OnInformational(ResponseHead* head) override {
    CheckReply();
    Require(head->status < 200 && head->status != 101 && !head_seen_, "a misplaced interim reply");
    CheckResponseHead(*head, method_);
    Note("interim " + Describe(*head));
    if (ask_ == 'i') Release();
  }

  void OnReplyHead(ResponseHead* head) override {
    CheckReply();
    Require(!head_seen_, "two heads of one reply");
    CheckResponseHead(*head, method_);
    head_seen_ = true;
    framing_ = head->body;
    raw_ = head->status == 101;
    Require(raw_ || head->status >= 200, "an interim reply as the final one");
    Require(!raw_ || ask_ == 'u' || ask_ == 'v', "a 101 that nobody asked for");
    Note("head " + Describe(*head));
    switch (ask_) {
      case 'x':  // has seen enough
        Release();
        break;
      case 'c':  // reads slowly
        PauseForATurn();
        break;
      case 'v':
        if (raw_) Call([&] { client_->EndRequest(); });
        break;
      default:
        break;
    }
  }

  void OnReplyData(std::string_view bytes) override {
    CheckReply();
    Require(!bytes.empty(), "empty data");
    Require(head_seen_ && !trailers_seen_, "data out of place");
    Require(raw_ || framing_.kind != BodyKind::kNone, "data of a reply that has none");
    body_size_ += bytes.size();
    Require(raw_ || framing_.kind != BodyKind::kLength || body_size_ <= framing_.length,
            "more body than Content-Length says");
    if (ask_ == 'd') {  // has seen enough; how much that is, is up to the cuts
      Release();
      return;
    }
    // Reads that follow each other are one event.
    if (!std::exchange(in_data_, true)) events_ += "data ";
    events_ += bytes;
    if (ask_ == 'c') PauseForATurn();
  }

  void OnReplyTrailers(const HeaderList& trailers) override {
    CheckReply();
    Require(head_seen_ && framing_.kind == BodyKind::kStreamed && !trailers_seen_,
            "trailers out of place");
    for (const http::Header& trailer : trailers) {
      Require(http::IsToken(trailer.name) && http::IsFieldValue(trailer.value), "a bad trailer");
    }
    trailers_seen_ = true;
    Note("trailers " + Describe(trailers));
  }

  void OnReplyEnd(http::EndKind kind) override {
    CheckReply();
    Require(head_seen_, "the end of a reply without a head");
    const bool by_close = raw_ || framing_.kind == BodyKind::kUntilClose;
    Require(by_close == ended_, "the end comes from elsewhere than the framing says");
    Require(raw_ || framing_.kind != BodyKind::kLength || body_size_ == framing_.length,
            "a body cut short passes for a whole one");
    Require((kind == http::EndKind::kTruncated) == (by_close && Has('t')),
            "how the connection ended is not told");
    Note(fmt::format("end {}", static_cast<int>(kind)));
    if (asks_done_ == 1) {
      first_reply_is_whole_ = true;
      if (!by_close && framing_.kind != BodyKind::kNone) first_reply_size_ = delivered_;
    }
    if (raw_ && ask_ == 'u') Call([&] { client_->EndRequest(); });
    Release();
  }

  void OnRequestDrained() override { CheckCallback(); }

  void OnReplyError(http::StreamError error, bool nothing_received,
                    const std::string& detail) override {
    CheckReply();
    Require(!detail.empty(), "an error without a reason");
    Require(!nothing_received || !head_seen_, "a reply's head is nothing");
    Note(fmt::format("error {} {} {}", static_cast<int>(error), nothing_received, detail));
    Release();
  }

  void PauseForATurn() {
    Call([&] { client_->PauseReply(); });
    resume_owed_ = true;
  }

  // ---- Checks

  template <typename Function>
  void Call(Function function) {
    in_call_ = true;
    function();
    in_call_ = false;
  }

  void CheckCallback() const {
    Require(!in_call_, "a callback inside a call");
    Require(asking_, "a callback without a request");
  }
  void CheckReply() const {
    CheckCallback();
    Require(deliveries_ > asked_at_delivery_ || ended_,
            "bytes behind one reply become the reply to another request");
  }

  void Note(std::string_view event) {
    if (std::exchange(in_data_, false)) events_ += '\n';
    events_.append(event).append("\n");
  }

  const Input input_;
  const Reuse reuse_;
  http::CodecContext context_;
  Peer peer_;
  net::RetirePtr<http::H1Client> client_;
  std::string events_;
  size_t asks_done_ = 0;
  size_t delivered_ = 0;
  size_t deliveries_ = 0;
  std::optional<size_t> first_reply_size_;
  bool first_reply_is_whole_ = false;

  // Of the request under way.
  char ask_ = 'g';
  std::string_view method_;
  size_t asked_at_delivery_ = 0;
  http::BodyFraming framing_;
  uint64_t body_size_ = 0;
  bool asking_ = false;
  bool request_ended_ = false;
  bool head_seen_ = false;
  bool trailers_seen_ = false;
  bool raw_ = false;

  bool idle_ = false;
  bool over_ = false;
  bool ended_ = false;
  bool in_call_ = false;
  bool in_data_ = false;
  bool resume_owed_ = false;
};

std::string Run(const Input& input, Cuts cuts) { return Session(input).Run(cuts); }

// A reply that lacks its last byte is not whole, whatever follows that.
void CheckTruncation(Input input) {
  Session byte_by_byte(input);
  byte_by_byte.Run(Cuts::SingleBytes());
  if (!byte_by_byte.first_reply_size().has_value()) return;
  input.bytes = input.bytes.substr(0, *byte_by_byte.first_reply_size() - 1);
  Session cut(input);
  cut.Run(Cuts::Whole());
  Require(!cut.first_reply_is_whole(), "a reply without its last byte passes for a whole one");
}

}  // namespace
}  // namespace sallyport::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sallyport::fuzz;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  Input input;
  input.connection = TakeLine(&text);
  input.asks = TakeLine(&text);
  input.cuts = TakeLine(&text);
  input.bytes = text;
  const std::string whole = Run(input, Cuts::Whole());
  RequireSame(whole, Run(input, Cuts::FromLetters(input.cuts)), "when it comes in pieces");
  // A turn of the loop for each byte takes its time.
  if (text.size() <= 512) {
    RequireSame(whole, Run(input, Cuts::SingleBytes()), "when it comes byte by byte");
    CheckTruncation(input);
  }
  Session(input, Reuse::kAtOnce).Run(Cuts::Whole());
  return 0;
}

// A client's bytes against H1Server, with an owner that does what the exchange does. Three lines
// come before the bytes:
//   1. how the connection is: 'h' where a half-close is allowed; 't' where it ends truncated, 'r'
//      where it breaks, cleanly otherwise
//   2. what the owner does with one request after another, a letter each (Client::Act)
//   3. how the bytes are cut into reads (Cuts)
// Whatever the cuts, the same must happen.

#include <fmt/core.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "proxy/http/h1_server.h"
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

struct Input {
  std::string_view connection;
  std::string_view acts;
  std::string_view cuts;
  std::string_view bytes;
};

// How the first read comes to the server.
enum class First : uint8_t { kFromTransport, kEarly };

class Session final : public http::H1Server::Owner, private http::RequestListener {
 public:
  explicit Session(const Input& input) : input_(input), acts_(input.acts, 'e') {
    context_.loop = &Loop();
    // Small enough for an input to go beyond them.
    context_.limits.max_head_bytes = 512;
    context_.limits.max_fields = 16;
  }

  // All that happened, as text.
  std::string Run(Cuts cuts, First first) {
    std::string_view rest = input_.bytes;
    std::string early;
    if (first == First::kEarly) early = cuts.TakePiece(&rest);
    server_ = net::RetirePtr<http::H1Server>(new http::H1Server(
        &context_, net::TransportPtr(new InMemoryTransport(&Loop(), &peer_)), std::move(early),
        Has('h') ? http::H1Server::HalfClose::kAllowed : http::H1Server::HalfClose::kIsClosed,
        this));
    Settle();
    while (!rest.empty() && peer_.connected()) {
      Require(peer_.transport->CanDeliver(), "the server reads no further and waits for nothing");
      peer_.transport->Deliver(cuts.TakePiece(&rest));
      Settle();
    }
    if (detached_) Note(fmt::format("tunnel {}{}", tunnelled_, rest));
    End();
    if (acts_on_end_) AnswerNow();
    Settle();
    Require(connection_over_ || detached_, "the connection outlives its end");
    Require(!peer_.connected(), "the transport outlives its connection");
    Require(peer_.was_reset || retired_ || Has('r') || peer_.received == peer_.written,
            "the last bytes are lost in an orderly close");
    return fmt::format("{}wire{}{}: {}", events_, peer_.was_reset ? ", reset" : "",
                       peer_.saw_end ? ", ended" : "", peer_.written);
  }

 private:
  bool Has(char letter) const { return input_.connection.find(letter) != std::string_view::npos; }

  void End() {
    if (!peer_.connected()) return;
    if (Has('r')) {
      peer_.transport->Break();
    } else {
      peer_.transport->End(Has('t') ? net::EndKind::kTruncated : net::EndKind::kClean);
    }
    Settle();
  }

  // Turns, until nothing is left to do without the peer.
  void Settle() {
    RunTurn();
    while (resume_owed_ || answer_owed_) {
      if (std::exchange(resume_owed_, false) && stream_ != nullptr) Call().stream->ResumeRequest();
      if (std::exchange(answer_owed_, false)) AnswerNow();
      RunTurn();
    }
  }

  // ---- http::H1Server::Owner

  void OnRequest(ServerStream* stream, RequestHead* head) override {
    CheckCallback();
    Require(stream_ == nullptr && !raw_, "two requests at once");
    Require(!refused_, "a request behind a refused head");
    CheckRequestHead(*head);
    Note("request " + Describe(*head));
    stream_ = stream;
    act_ = acts_.Next();
    method_ = head->method;
    framing_ = head->body;
    body_size_ = 0;
    body_ended_ = raw_ = trailers_seen_ = false;
    upgrade_ = head->upgrade;
    if (act_ == 'z') {
      Retire();
      return;
    }
    if (head->method == "CONNECT") {
      Detach();
      return;
    }
    stream->SetListener(this);
    ActOnHead();
  }

  void OnBadRequest(ServerStream* stream, const http::HeadError& error) override {
    CheckCallback();
    Require(stream_ == nullptr && !raw_, "a refusal inside a request");
    Require(!error.message.empty(), "a refusal without a reason");
    Note(fmt::format("refused {} {}", error.too_large, error.message));
    stream_ = stream;
    method_ = "GET";
    stream->SetListener(this);
    AnswerRefusal();
  }

  void OnConnectionDone() override {
    CheckCallback();
    Require(!connection_over_, "the connection ends twice");
    Note("over");
    stream_ = nullptr;
    connection_over_ = true;
    server_.reset();
  }

  // ---- http::RequestListener

  void OnRequestData(std::string_view bytes) override {
    CheckListening();
    Require(!bytes.empty(), "empty data");
    Require(raw_ || !body_ended_, "data behind the request's end");
    Require(!trailers_seen_ || raw_, "data behind the trailers");
    const bool is_first = body_size_ == 0;
    body_size_ += bytes.size();
    Require(raw_ || framing_.kind == BodyKind::kStreamed || body_size_ <= framing_.length,
            "more body than Content-Length says");
    // How much comes first is up to the cuts.
    if (is_first && !raw_ && ActOnFirstData()) return;
    // Reads that follow each other are one event.
    if (!std::exchange(in_data_, true)) events_ += raw_ ? "raw " : "data ";
    events_ += bytes;
    if (raw_ && act_ != 'v') SendBody(bytes);
    if (act_ == 'p') PauseForATurn();
  }

  void OnRequestTrailers(const HeaderList& trailers) override {
    CheckListening();
    Require(framing_.kind == BodyKind::kStreamed && !body_ended_ && !trailers_seen_,
            "trailers out of place");
    CheckFieldsOfTrailers(trailers);
    Note("trailers " + Describe(trailers));
    trailers_seen_ = true;
  }

  void OnRequestEnd() override {
    CheckListening();
    Require(!body_ended_, "two ends of one request");
    Require(raw_ || framing_.kind == BodyKind::kStreamed || body_size_ == framing_.length,
            "less body than Content-Length says");
    Note("end");
    body_ended_ = true;
    ActOnEnd();
  }

  void OnRequestBroken(std::string_view reason) override {
    CheckListening();
    Require(!reason.empty(), "broken without a reason");
    Require(framing_.kind == BodyKind::kStreamed && !body_ended_, "broken out of place");
    Note(fmt::format("broken {}", reason));
    acts_on_end_ = answer_owed_ = resume_owed_ = false;
    AnswerRefusal();
  }

  void OnResponseDrained() override { CheckListening(); }

  void OnClientGone(std::string_view reason) override {
    CheckListening();
    Require(!reason.empty(), "gone without a reason");
    Note(fmt::format("gone {}", reason));
    stream_ = nullptr;
    raw_ = acts_on_end_ = answer_owed_ = resume_owed_ = false;
  }

  // ---- What the owner does

  // The reply after which the connection serves nothing more.
  void AnswerRefusal() {
    refused_ = true;
    act_ = 'e';
    framing_ = {};
    body_ended_ = true;
    AnswerNow();
  }

  void ActOnHead() {
    switch (act_) {
      case 'h':  // answers at once
        AnswerNow();
        break;
      case 'r':  // sends the head at once, the rest at the request's end
        SendHead(200, BodyKind::kStreamed, 0);
        break;
      case 'a':
        AbortNow();
        break;
      case 'U':  // switches at the head
        if (!upgrade_.empty()) Switch();
        break;
      case 'p':
        PauseForATurn();
        break;
      case 'q':
        server_->Drain();
        break;
      case 'i':
        SendInformational(100);
        SendInformational(103);
        break;
      default:
        break;
    }
  }

  // Whether the request is over with that.
  bool ActOnFirstData() {
    if (act_ == 'b') {
      AbortNow();
    } else if (act_ == 'd' && (framing_.kind == BodyKind::kStreamed || framing_.length < 65536)) {
      // Only then: how much of a longer body is left decides whether the connection is kept.
      AnswerNow();
    }
    return stream_ == nullptr;
  }

  void ActOnEnd() {
    if (raw_) {
      if (act_ != 'v') EndResponse(http::EndKind::kClean);
      return;
    }
    switch (act_) {
      case 'l':  // in a later turn
        answer_owed_ = true;
        break;
      case 'n':  // not before the client has ended
        acts_on_end_ = true;
        break;
      case 'A':
        AbortNow();
        break;
      case 'B':
        SendHead(200, BodyKind::kLength, 10);
        SendBody("half");
        AbortNow();
        break;
      case 'u':  // switches at the end
      case 'v':  // switches, and ends its own direction
        if (upgrade_.empty()) {
          AnswerNow();
        } else {
          Switch();
        }
        break;
      default:
        AnswerNow();
        break;
    }
  }

  void AnswerNow() {
    acts_on_end_ = false;
    if (stream_ == nullptr || raw_) return;
    switch (act_) {
      case 's':
        SendHead(200, BodyKind::kStreamed, 0);
        SendBody("streamed");
        SendTrailers();
        break;
      case 'r':
        SendBody("rest");
        break;
      case 'c':
      case 't':
        SendHead(200, BodyKind::kUntilClose, 0);
        SendBody("until the close");
        break;
      case 'o':
        SendHead(204, BodyKind::kNone, 0);
        break;
      case 'g':
        Call().stream->EndConnection();
        [[fallthrough]];
      default:
        SendHead(refused_ ? 400 : 200, BodyKind::kLength, 6);
        SendBody("answer");
        break;
    }
    const bool truncated = act_ == 't' && method_ != "HEAD";
    EndResponse(truncated ? http::EndKind::kTruncated : http::EndKind::kClean);
    Note("answered");
  }

  void SendHead(int status, BodyKind kind, uint64_t length) {
    if (method_ == "HEAD") kind = BodyKind::kNone;
    ResponseHead head;
    head.status = status;
    head.reason = "Reason";
    const std::string digits = std::to_string(length);
    if (kind == BodyKind::kLength) head.headers.Add("Content-Length", digits);
    head.body = {kind, length};
    Call().stream->SendHead(head);
  }
  void SendInformational(int status) {
    ResponseHead head;
    head.status = status;
    head.reason = "Interim";
    Call().stream->SendInformational(head);
  }
  void SendBody(std::string_view bytes) { Call().stream->SendBody(bytes); }
  void EndResponse(http::EndKind kind) {
    ServerStream* stream = std::exchange(stream_, nullptr);
    in_call_ = true;
    stream->EndResponse(kind);
    in_call_ = false;
  }
  void SendTrailers() {
    HeaderList trailers;
    trailers.Add("X-Sum", "1");
    Call().stream->SendTrailers(trailers);
  }

  void Switch() {
    ResponseHead head;
    head.status = 101;
    head.reason = "Switching";
    head.upgrade = upgrade_;
    raw_ = true;
    body_ended_ = false;
    Call().stream->SendHead(head);
    Note("switched");
    // The other direction goes on.
    if (act_ == 'v') Call().stream->EndResponse(http::EndKind::kClean);
  }

  void AbortNow() {
    ServerStream* stream = std::exchange(stream_, nullptr);
    in_call_ = true;
    stream->Abort();
    in_call_ = false;
    Note("aborted");
  }

  void PauseForATurn() {
    Call().stream->PauseRequest();
    resume_owed_ = true;
  }

  void Detach() {
    stream_ = nullptr;
    in_call_ = true;
    http::H1Server::Detached detached = server_->Detach("HTTP/1.1 200 OK\r\n\r\n");
    in_call_ = false;
    Require(detached.transport != nullptr, "a tunnel without a transport");
    detached_ = retired_ = true;
    tunnelled_ = std::move(detached.early);
    server_.reset();
  }

  void Retire() {
    Note("retired");
    stream_ = nullptr;
    connection_over_ = retired_ = true;
    server_.reset();
  }

  void Note(std::string_view event) {
    if (std::exchange(in_data_, false)) events_ += '\n';
    events_.append(event).append("\n");
  }

  // ---- Checks

  struct CallScope {
    explicit CallScope(Session* session) : session(session), stream(session->stream_) {
      session->in_call_ = true;
    }
    ~CallScope() { session->in_call_ = false; }
    CallScope(const CallScope&) = delete;
    CallScope& operator=(const CallScope&) = delete;

    Session* session;
    ServerStream* stream;
  };
  // For one call to the stream, out of which no callback may come.
  CallScope Call() { return CallScope(this); }

  void CheckCallback() {
    Require(!in_call_, "a callback inside a call");
    Require(!connection_over_ && !detached_, "a callback of a connection that is over");
  }
  void CheckListening() {
    CheckCallback();
    Require(stream_ != nullptr, "a callback of a stream that is over");
  }
  static void CheckFieldsOfTrailers(const HeaderList& trailers) {
    for (const http::Header& trailer : trailers) {
      Require(http::IsToken(trailer.name) && http::IsFieldValue(trailer.value), "a bad trailer");
    }
  }

  const Input input_;
  Letters acts_;
  http::CodecContext context_;
  Peer peer_;
  net::RetirePtr<http::H1Server> server_;
  std::string events_;

  // Of the request under way.
  ServerStream* stream_ = nullptr;
  char act_ = 'e';
  std::string method_;
  std::string upgrade_;
  http::BodyFraming framing_;
  uint64_t body_size_ = 0;
  bool body_ended_ = false;
  bool trailers_seen_ = false;
  bool raw_ = false;

  bool in_call_ = false;
  bool in_data_ = false;
  bool resume_owed_ = false;
  bool answer_owed_ = false;
  bool acts_on_end_ = false;
  bool refused_ = false;
  bool retired_ = false;  // by the owner, at once
  bool detached_ = false;
  // What came behind a CONNECT.
  std::string tunnelled_;
  bool connection_over_ = false;
};

std::string Run(const Input& input, Cuts cuts, First first = First::kFromTransport) {
  return Session(input).Run(cuts, first);
}

}  // namespace
}  // namespace sallyport::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sallyport::fuzz;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  Input input;
  input.connection = TakeLine(&text);
  input.acts = TakeLine(&text);
  input.cuts = TakeLine(&text);
  input.bytes = text;
  const std::string whole = Run(input, Cuts::Whole());
  RequireSame(whole, Run(input, Cuts::Whole(), First::kEarly), "when it comes early");
  RequireSame(whole, Run(input, Cuts::FromLetters(input.cuts)), "when it comes in pieces");
  RequireSame(whole, Run(input, Cuts::FromLetters(input.cuts), First::kEarly),
              "when it comes in pieces, one early");
  // A turn of the loop for each byte takes its time.
  if (text.size() <= 512) {
    RequireSame(whole, Run(input, Cuts::SingleBytes()), "when it comes byte by byte");
  }
  return 0;
}

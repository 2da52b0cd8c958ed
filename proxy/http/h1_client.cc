#include "proxy/http/h1_client.h"

#include <string.h>

#include <utility>

#include "proxy/http/field_syntax.h"
#include "proxy/http/h1_head_writer.h"
#include "proxy/net/lingering_close.h"

namespace sallyport::http {

H1Client::H1Client(CodecContext* context, net::TransportPtr transport, Owner* owner)
    : context_(context), transport_(std::move(transport)), owner_(owner) {
  transport_->SetListener(this);
}

H1Client::~H1Client() = default;

void H1Client::Retire() {
  context_->loop->Cancel(this);
  listener_ = nullptr;
  state_ = State::kDead;
  transport_.reset();
}

// ---- Writing

void H1Client::SendHead(const RequestHead& head) {
  if (state_ == State::kDead) return;
  ++requests_;
  state_ = State::kHead;
  buffers_ = context_->buffers.Take();
  collector_.Reset();
  keep_alive_ = true;
  request_done_ = false;
  trailers_sent_ = false;
  received_ = false;
  request_method_.assign(head.method);
  request_body_ = head.body.kind;
  upgrade_wanted_ = !head.upgrade.empty();
  std::string& scratch = context_->scratch;
  scratch.clear();
  WriteRequestHead(head, &scratch);
  transport_->Write(scratch);
  // The head may hold a credential, and the string is used again.
  explicit_bzero(scratch.data(), scratch.size());
}

WriteResult H1Client::SendBody(std::string_view bytes) {
  if (state_ == State::kDead || bytes.empty()) return WriteResult::kMore;
  if (state_ == State::kRaw || request_body_ != BodyKind::kStreamed) {
    return transport_->Write(bytes);
  }
  transport_->Write(ChunkSizeLine(bytes.size()).text());
  transport_->Write(bytes);
  return transport_->Write("\r\n");
}

void H1Client::SendTrailers(const HeaderList& trailers) {
  if (state_ == State::kDead || request_body_ != BodyKind::kStreamed) return;
  std::string& scratch = context_->scratch;
  scratch.assign("0\r\n");
  WriteFields(trailers, &scratch);
  transport_->Write(scratch);
  trailers_sent_ = true;
}

void H1Client::EndRequest() {
  if (state_ == State::kDead) return;
  request_done_ = true;
  if (state_ == State::kRaw) {
    transport_->Shutdown(EndKind::kClean);
  } else if (request_body_ == BodyKind::kStreamed && !trailers_sent_) {
    transport_->Write("0\r\n\r\n");
  }
}

// ---- Reading

void H1Client::OnData(std::string_view bytes) {
  received_ = true;
  if (state_ == State::kIdle || state_ == State::kDone) {
    // Nobody asked: whatever it is must not become the reply to the next request.
    keep_alive_ = false;
    if (state_ == State::kIdle) owner_->OnReleased(this, false);
    return;
  }
  if (pending_.empty()) {
    Consume(bytes);
    return;
  }
  pending_.append(bytes);
  Consume(std::exchange(pending_, {}));
}

void H1Client::OnTurnEnd() {
  if (paused_ || state_ == State::kDead) return;
  if (!pending_.empty()) Consume(std::exchange(pending_, {}));
  if (peer_ended_ && pending_.empty() && !paused_) OnEnd(end_kind_);
}

void H1Client::Consume(std::string_view input) {
  input_ = input;
  bool more = true;
  while (more && !paused_ && !input_.empty()) {
    switch (state_) {
      case State::kHead:
        more = ConsumeHead();
        break;
      case State::kBody:
        more = ConsumeBody();
        break;
      case State::kRaw:
        listener_->OnReplyData(std::exchange(input_, {}));
        break;
      case State::kDone:
        // Bytes behind a complete reply.
        keep_alive_ = false;
        input_ = {};
        return;
      case State::kIdle:  // never with bytes left: see Reusable
      case State::kDead:
        input_ = {};
        return;
    }
  }
  if (state_ != State::kDead) pending_.assign(input_);
  input_ = {};
  if (pending_.empty() && pending_.capacity() > 256) std::string().swap(pending_);
}

bool H1Client::ConsumeHead() {
  switch (collector_.Collect(&input_, &buffers_->head, context_->limits)) {
    case HeadCollector::Result::kNeedMore:
      return false;
    case HeadCollector::Result::kComplete:
      return ReadHead();
    case HeadCollector::Result::kMalformed:
      Fail(StreamError::kProtocol, "a line of the reply's head does not end in CRLF");
      return false;
    case HeadCollector::Result::kTooLarge:
      Fail(StreamError::kProtocol, "the reply's header block is too large");
      return false;
  }
  return false;
}

bool H1Client::ReadHead() {
  HeadError error;
  response_.Clear();
  if (!ParseResponseHead(buffers_.get(), context_->limits, request_method_, &response_,
                         &keep_alive_, &error)) {
    Fail(StreamError::kProtocol, std::string(error.message));
    return false;
  }
  if (response_.status == 101) {
    if (!upgrade_wanted_ || response_.upgrade.empty()) {
      Fail(StreamError::kProtocol, "101 without an upgrade that was asked for");
      return false;
    }
    state_ = State::kRaw;
    upgraded_ = true;
    request_done_ = false;
    keep_alive_ = false;
    listener_->OnReplyHead(&response_);
    return true;
  }
  if (response_.status < 200) {
    listener_->OnInformational(&response_);
    if (state_ != State::kHead) return false;
    // The real reply follows; views into the buffers are done with.
    buffers_->Clear();
    collector_.Reset();
    return true;
  }
  state_ = State::kBody;
  chunked_.Reset();
  body_remaining_ = response_.body.length;
  const BodyKind kind = response_.body.kind;
  listener_->OnReplyHead(&response_);
  if (state_ != State::kBody) return false;
  if (kind == BodyKind::kNone || (kind == BodyKind::kLength && body_remaining_ == 0)) {
    ReplyComplete(EndKind::kClean);
  }
  return true;
}

bool H1Client::ConsumeBody() {
  switch (response_.body.kind) {
    case BodyKind::kUntilClose:
      listener_->OnReplyData(std::exchange(input_, {}));
      return true;
    case BodyKind::kLength: {
      const std::string_view data = input_.substr(0, body_remaining_);
      input_.remove_prefix(data.size());
      body_remaining_ -= data.size();
      listener_->OnReplyData(data);
      if (state_ == State::kBody && body_remaining_ == 0) ReplyComplete(EndKind::kClean);
      return true;
    }
    case BodyKind::kStreamed:
      break;
    case BodyKind::kNone:
      return false;
  }
  std::string_view data;
  switch (chunked_.Decode(&input_, &data)) {
    case ChunkedDecoder::Result::kData:
      listener_->OnReplyData(data);
      return true;
    case ChunkedDecoder::Result::kNeedMore:
      return true;
    case ChunkedDecoder::Result::kDone:
      break;
    case ChunkedDecoder::Result::kError:
      Fail(StreamError::kProtocol, "the reply's chunked body breaks its framing");
      return false;
  }
  if (!chunked_.trailer_lines().empty()) {
    HeaderList trailers;
    if (!ParseFieldLines(chunked_.trailer_lines(), context_->limits.max_fields, &trailers)) {
      Fail(StreamError::kProtocol, "the reply's trailers break the grammar");
      return false;
    }
    listener_->OnReplyTrailers(trailers);
    if (state_ != State::kBody) return false;
  }
  ReplyComplete(EndKind::kClean);
  return true;
}

void H1Client::ReplyComplete(EndKind kind) {
  state_ = State::kDone;
  listener_->OnReplyEnd(kind);
}

void H1Client::OnEnd(net::EndKind kind) {
  peer_ended_ = true;
  end_kind_ = kind;
  keep_alive_ = false;
  if (!pending_.empty() || paused_) return;  // looked at again on resume
  switch (state_) {
    case State::kIdle:
      owner_->OnReleased(this, false);
      return;
    case State::kRaw:
      ReplyComplete(kind);
      return;
    case State::kBody:
      if (response_.body.kind == BodyKind::kUntilClose) {
        ReplyComplete(kind);
        return;
      }
      Fail(StreamError::kConnection, "the upstream closed the connection inside the reply's body");
      return;
    case State::kHead:
      Fail(StreamError::kConnection, "the upstream closed the connection before its reply");
      return;
    case State::kDone:
    case State::kDead:
      return;
  }
}

void H1Client::OnError(net::TransportError, const std::string& detail) {
  keep_alive_ = false;
  if (state_ == State::kIdle) {
    owner_->OnReleased(this, false);
  } else if (state_ != State::kDone) {
    Fail(StreamError::kConnection, detail);
  }
}

void H1Client::Fail(StreamError error, const std::string& detail) {
  if (state_ == State::kDead) return;
  state_ = State::kDead;
  keep_alive_ = false;
  ReplyListener* listener = std::exchange(listener_, nullptr);
  if (listener != nullptr) listener->OnReplyError(error, !received_, detail);
}

void H1Client::PauseReply() {
  if (transport_ == nullptr) return;
  paused_ = true;
  transport_->Pause(net::PauseReason::kBackpressure);
}

void H1Client::ResumeReply() {
  if (!paused_ || transport_ == nullptr) return;
  paused_ = false;
  transport_->Resume(net::PauseReason::kBackpressure);
  if (!pending_.empty() || peer_ended_) context_->loop->Schedule(this);
}

void H1Client::OnDrained() {
  if (listener_ != nullptr) listener_->OnRequestDrained();
}

// Bytes behind the reply must not become the reply to the next request (RFC 9112 §6.3, last
// paragraph), which may be sent before this returns to Consume.
bool H1Client::Reusable() const {
  return state_ == State::kDone && keep_alive_ && request_done_ && input_.empty() &&
         pending_.empty() && !peer_ended_;
}

void H1Client::Release() {
  listener_ = nullptr;
  buffers_.reset();
  response_.Clear();
  const bool reusable = Reusable();
  if (upgraded_ && request_done_ && transport_ != nullptr) {
    // The last bytes of the other protocol are still to arrive.
    state_ = State::kDead;
    net::LingeringClose(std::move(transport_));
  }
  if (reusable) {
    state_ = State::kIdle;
    if (std::exchange(paused_, false)) transport_->Resume(net::PauseReason::kBackpressure);
  }
  owner_->OnReleased(this, reusable);
}

}  // namespace sallyport::http

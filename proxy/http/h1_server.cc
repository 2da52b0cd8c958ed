#include "proxy/http/h1_server.h"

#include <string.h>

#include <cassert>
#include <utility>

#include "proxy/http/field_syntax.h"
#include "proxy/net/lingering_close.h"

namespace sallyport::http {
namespace {

// After an early reply, this much of a body is read and dropped to keep the connection; beyond it,
// closing is cheaper for both.
constexpr uint64_t kMaxDiscard = uint64_t{256} * 1024;
// Pipelined bytes kept while a reply is owed, before reading stops.
constexpr size_t kMaxPending = size_t{64} * 1024;

}  // namespace

H1Server::H1Server(CodecContext* context, net::TransportPtr transport, std::string early,
                   HalfClose half_close, Owner* owner)
    : context_(context),
      transport_(std::move(transport)),
      owner_(owner),
      timer_(context->loop, [this] { OnTimeout(); }),
      pending_(std::move(early)),
      half_close_(half_close) {
  transport_->SetListener(this);
  timer_.Start(context_->limits.head_timeout);
  if (!pending_.empty()) context_->loop->Schedule(this);
}

H1Server::~H1Server() = default;

void H1Server::Retire() {
  context_->loop->Cancel(this);
  listener_ = nullptr;
  state_ = State::kClosed;
  timer_.Stop();
  transport_.reset();
}

H1Server::Detached H1Server::Detach(std::string_view reply) {
  if (!reply.empty()) transport_->Write(reply);
  Detached detached = {std::move(transport_),
                       consuming_ ? std::string(input_) : std::move(pending_)};
  state_ = State::kClosed;
  timer_.Stop();
  context_->loop->Cancel(this);
  return detached;
}

void H1Server::Drain() {
  draining_ = true;
  if (state_ == State::kIdle) CloseConnection();
}

// ---- Reading

void H1Server::OnData(std::string_view bytes) {
  if (pending_.empty()) {
    Consume(bytes);
    return;
  }
  // Only here while something waits for the exchange: add it to what waits.
  pending_.append(bytes);
  Consume(std::exchange(pending_, {}));
}

void H1Server::OnTurnEnd() {
  if (std::exchange(done_owed_, false)) {
    owner_->OnConnectionDone();
    return;
  }
  if (!pending_.empty()) Consume(std::exchange(pending_, {}));
  if (state_ == State::kClosed) return;
  if (client_ended_ && pending_.empty()) OnEnd(EndKind::kClean);
}

void H1Server::Consume(std::string_view input) {
  consuming_ = true;
  input_ = input;
  bool more = true;
  while (more && !input_.empty() && state_ != State::kClosed) {
    switch (state_) {
      case State::kIdle:
      case State::kHead:
        more = ConsumeHead();
        break;
      case State::kBody:
      case State::kDiscard:
        more = ConsumeBody();
        break;
      case State::kRaw:
        if (request_paused_) {
          more = false;
        } else {
          listener_->OnRequestData(std::exchange(input_, {}));
        }
        break;
      case State::kReceived:
      case State::kClosed:
        more = false;
        break;
    }
  }
  consuming_ = false;
  if (state_ == State::kClosed) return;
  pending_.assign(input_);
  if (pending_.empty()) {
    // Most connections never need it again.
    if (pending_.capacity() > 256) std::string().swap(pending_);
    transport_->Resume(net::PauseReason::kPipelining);
  } else if (state_ == State::kReceived && pending_.size() < kMaxPending) {
    // Goes on reading, to notice when the client goes away.
  } else {
    transport_->Pause(net::PauseReason::kPipelining);
  }
}

bool H1Server::ConsumeHead() {
  if (state_ == State::kIdle) {
    state_ = State::kHead;
    buffers_ = context_->buffers.Take();
    collector_.Reset();
    timer_.Start(context_->limits.head_timeout);
  }
  switch (collector_.Collect(&input_, &buffers_->head, context_->limits)) {
    case HeadCollector::Result::kNeedMore:
      return false;
    case HeadCollector::Result::kComplete:
      StartRequest();
      return true;
    case HeadCollector::Result::kMalformed:
      RefuseHead({false, "a line does not end in CRLF"});
      return false;
    case HeadCollector::Result::kTooLarge:
      RefuseHead({true, "the header block is too large"});
      return false;
  }
  return false;
}

void H1Server::StartRequest() {
  timer_.Stop();
  HeadError error;
  request_.Clear();
  if (!ParseRequestHead(buffers_.get(), context_->limits, &request_, &keep_alive_, &error)) {
    RefuseHead(error);
    return;
  }
  head_sent_ = false;
  reply_done_ = false;
  reply_body_ = {};
  body_remaining_ = request_.body.length;
  chunked_.Reset();
  const bool has_body = request_.body.kind == BodyKind::kStreamed || body_remaining_ > 0;
  state_ = has_body ? State::kBody : State::kReceived;
  owner_->OnRequest(this, &request_);
  if (state_ == State::kReceived && listener_ != nullptr && !has_body) listener_->OnRequestEnd();
}

void H1Server::RefuseHead(const HeadError& error) {
  timer_.Stop();
  keep_alive_ = false;
  head_sent_ = false;
  reply_done_ = false;
  // Nothing behind it is read as a request.
  state_ = State::kReceived;
  request_.Clear();
  owner_->OnBadRequest(this, error);
}

bool H1Server::ConsumeBody() {
  const bool discard = state_ == State::kDiscard;
  if (request_paused_ && !discard) return false;
  if (discard) {
    discarded_ += input_.size();
    if (discarded_ > kMaxDiscard) {
      CloseConnection();
      return false;
    }
  }
  if (request_.body.kind == BodyKind::kLength) {
    const std::string_view data = input_.substr(0, body_remaining_);
    input_.remove_prefix(data.size());
    body_remaining_ -= data.size();
    if (!discard) listener_->OnRequestData(data);
    if (body_remaining_ == 0 && (state_ == State::kBody || state_ == State::kDiscard)) {
      BodyComplete();
    }
    return true;
  }
  std::string_view data;
  switch (chunked_.Decode(&input_, &data)) {
    case ChunkedDecoder::Result::kData:
      if (!discard) listener_->OnRequestData(data);
      return true;
    case ChunkedDecoder::Result::kNeedMore:
      return true;
    case ChunkedDecoder::Result::kDone:
      BodyComplete();
      return true;
    case ChunkedDecoder::Result::kError:
      BodyBroken();
      return false;
  }
  return false;
}

void H1Server::BodyComplete() {
  if (state_ == State::kDiscard) {
    BecomeIdle();
    return;
  }
  if (request_.body.kind == BodyKind::kStreamed && !chunked_.trailer_lines().empty()) {
    HeaderList trailers;
    if (!ParseFieldLines(chunked_.trailer_lines(), context_->limits.max_fields, &trailers)) {
      BodyBroken();
      return;
    }
    listener_->OnRequestTrailers(trailers);
    if (state_ != State::kBody) return;
  }
  state_ = State::kReceived;
  listener_->OnRequestEnd();
}

// The framing is lost: what follows may be anything, and must not be taken for a request.
void H1Server::BodyBroken() {
  if (state_ == State::kDiscard) {
    CloseConnection();
    return;
  }
  constexpr std::string_view kReason = "the chunked body breaks its framing";
  keep_alive_ = false;
  state_ = State::kReceived;
  if (!head_sent_) {
    listener_->OnRequestBroken(kReason);
    return;
  }
  std::exchange(listener_, nullptr)->OnClientGone(kReason);
  if (state_ == State::kClosed) return;
  transport_->ResetOnClose();
  state_ = State::kClosed;
  transport_.reset();
  owner_->OnConnectionDone();
}

void H1Server::OnEnd(net::EndKind kind) {
  client_ended_ = true;
  if (!pending_.empty()) return;  // looked at again when it is used up
  switch (state_) {
    case State::kIdle:
    case State::kHead:
    case State::kDiscard:
      CloseConnection();
      return;
    case State::kBody:
      ClientGone("the client closed the connection inside the request body");
      return;
    case State::kRaw:
      if (std::exchange(request_ended_, true)) return;
      if (listener_ != nullptr) listener_->OnRequestEnd();
      if (reply_done_) CloseConnection();
      return;
    case State::kReceived:
      keep_alive_ = false;
      if (half_close_ == HalfClose::kIsClosed || kind == EndKind::kTruncated) {
        ClientGone("the client closed the connection");
      }
      return;
    case State::kClosed:
      return;
  }
}

void H1Server::OnError(net::TransportError, const std::string& detail) {
  if (state_ == State::kIdle || state_ == State::kHead || state_ == State::kDiscard) {
    CloseConnection();
  } else {
    ClientGone(detail);
  }
}

void H1Server::ClientGone(std::string_view reason) {
  RequestListener* listener = std::exchange(listener_, nullptr);
  if (listener != nullptr) listener->OnClientGone(reason);
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  timer_.Stop();
  transport_.reset();
  owner_->OnConnectionDone();
}

void H1Server::OnTimeout() {
  if (state_ == State::kHead) {
    RefuseHead({false, "the request head did not arrive in time"});
  } else {
    CloseConnection();
  }
}

void H1Server::PauseRequest() {
  if (transport_ == nullptr) return;
  request_paused_ = true;
  transport_->Pause(net::PauseReason::kBackpressure);
}

void H1Server::ResumeRequest() {
  if (!request_paused_) return;
  request_paused_ = false;
  if (transport_ == nullptr) return;
  transport_->Resume(net::PauseReason::kBackpressure);
  if (!pending_.empty() && !consuming_) context_->loop->Schedule(this);
}

// ---- Writing

void H1Server::WriteHead(const ResponseHead& head, ConnectionField connection) {
  std::string& scratch = context_->scratch;
  scratch.clear();
  WriteResponseHead(head, connection, &scratch);
  transport_->Write(scratch);
}

void H1Server::SendInformational(const ResponseHead& head) {
  // RFC 9110 §15.2: a 1.0 client does not know them.
  if (transport_ == nullptr || request_.is_http10) return;
  WriteHead(head, ConnectionField::kNone);
}

void H1Server::SendHead(const ResponseHead& head) {
  if (transport_ == nullptr) return;
  head_sent_ = true;
  reply_body_ = head.body;
  reply_remaining_ = head.body.length;
  if (head.status == 101) {
    state_ = State::kRaw;
    request_ended_ = false;
    keep_alive_ = false;
    WriteHead(head, ConnectionField::kNone);
    if (!pending_.empty() && !consuming_) context_->loop->Schedule(this);
    return;
  }
  if (reply_body_.kind == BodyKind::kStreamed && request_.is_http10) {
    reply_body_.kind = BodyKind::kUntilClose;
  }
  // A body that is still on its way may be too long to wait for, and one the client holds back
  // until a 100 may never come.
  const bool unread_body =
      state_ == State::kBody &&
      (request_.body.kind == BodyKind::kStreamed || body_remaining_ > kMaxDiscard ||
       request_.headers.Find(HeaderId::kExpect) != nullptr);
  if (reply_body_.kind == BodyKind::kUntilClose || unread_body || draining_ || client_ended_) {
    keep_alive_ = false;
  }
  ConnectionField connection = ConnectionField::kNone;
  if (!keep_alive_) connection = ConnectionField::kClose;
  if (keep_alive_ && request_.is_http10) connection = ConnectionField::kKeepAlive;
  // A reply that ended with its head (HTTP/2 needs no length to say so).
  const bool lacks_length = reply_body_.kind == BodyKind::kNone && head.status != 204 &&
                            head.status != 304 && request_.method != "HEAD" &&
                            head.headers.Find(HeaderId::kContentLength) == nullptr;
  if (reply_body_.kind == head.body.kind && !lacks_length) {
    WriteHead(head, connection);
    return;
  }
  ResponseHead framed = head;
  framed.body = reply_body_;
  if (lacks_length) framed.headers.Add("Content-Length", "0");
  WriteHead(framed, connection);
}

WriteResult H1Server::SendBody(std::string_view bytes) {
  if (transport_ == nullptr || bytes.empty()) return WriteResult::kMore;
  switch (reply_body_.kind) {
    case BodyKind::kNone:
      if (state_ != State::kRaw) return WriteResult::kMore;
      break;
    case BodyKind::kLength:
      assert(bytes.size() <= reply_remaining_);
      reply_remaining_ -= bytes.size();
      break;
    case BodyKind::kStreamed: {
      transport_->Write(ChunkSizeLine(bytes.size()).text());
      transport_->Write(bytes);
      return transport_->Write("\r\n");
    }
    case BodyKind::kUntilClose:
      break;
  }
  return transport_->Write(bytes);
}

void H1Server::SendTrailers(const HeaderList& trailers) {
  if (transport_ == nullptr || reply_body_.kind != BodyKind::kStreamed) return;
  std::string& scratch = context_->scratch;
  scratch.assign("0\r\n");
  WriteFields(trailers, &scratch);
  transport_->Write(scratch);
  trailers_sent_ = true;
}

void H1Server::EndResponse(EndKind kind) {
  if (transport_ == nullptr) return;
  if (reply_body_.kind == BodyKind::kLength && reply_remaining_ > 0) {
    Abort();
    return;
  }
  if (reply_body_.kind == BodyKind::kStreamed && !std::exchange(trailers_sent_, false)) {
    transport_->Write("0\r\n\r\n");
  }
  reply_done_ = true;
  if (state_ == State::kRaw) {
    // The other direction may go on.
    transport_->Shutdown(kind);
    if (request_ended_) CloseConnection();
    return;
  }
  listener_ = nullptr;
  if (kind == EndKind::kTruncated) {
    // The upstream's connection ended without saying so; so does this one.
    transport_->Shutdown(EndKind::kTruncated);
  }
  FinishExchange();
}

void H1Server::Abort() {
  if (transport_ == nullptr) return;
  listener_ = nullptr;
  const bool end_is_visible =
      reply_body_.kind == BodyKind::kLength || reply_body_.kind == BodyKind::kStreamed;
  if (head_sent_ && end_is_visible && state_ != State::kRaw) {
    // What arrived of the reply is passed on; the framing says that it is not all.
    transport_->Shutdown(EndKind::kTruncated);
    CloseConnection();
    return;
  }
  transport_->ResetOnClose();
  state_ = State::kClosed;
  timer_.Stop();
  transport_.reset();
  // Not from inside this call.
  done_owed_ = true;
  context_->loop->Schedule(this);
}

void H1Server::FinishExchange() {
  if (!keep_alive_) {
    CloseConnection();
  } else if (state_ == State::kBody) {
    state_ = State::kDiscard;
    discarded_ = 0;
    request_paused_ = false;
    transport_->Resume(net::PauseReason::kBackpressure);
    timer_.Start(context_->limits.head_timeout);
    if (!pending_.empty() && !consuming_) context_->loop->Schedule(this);
  } else {
    BecomeIdle();
  }
}

void H1Server::BecomeIdle() {
  state_ = State::kIdle;
  buffers_.reset();
  request_.Clear();
  request_paused_ = false;
  if (draining_ || (client_ended_ && pending_.empty())) {
    CloseConnection();
    return;
  }
  transport_->Resume(net::PauseReason::kBackpressure);
  timer_.Start(context_->limits.idle_timeout);
  if (!pending_.empty() && !consuming_) context_->loop->Schedule(this);
}

// Closes so that what was written arrives; the owner is told at the end of the turn.
void H1Server::CloseConnection() {
  if (transport_ == nullptr) return;
  const net::Patience patience =
      state_ == State::kIdle ? net::Patience::kFlushOnly : net::Patience::kWaitForPeer;
  state_ = State::kClosed;
  timer_.Stop();
  net::LingeringClose(std::move(transport_), patience);
  done_owed_ = true;
  context_->loop->Schedule(this);
}

void H1Server::OnDrained() {
  if (listener_ != nullptr) listener_->OnResponseDrained();
}

}  // namespace sallyport::http

#include "proxy/http/h2_stream.h"

#include <algorithm>
#include <utility>

#include "proxy/http/h2_connection.h"

namespace sallyport::http {
namespace {

// Waiting bytes go to the user in pieces of the size that a read from a socket has.
constexpr size_t kPiece = size_t{64} * 1024;

}  // namespace

nghttp2_session* H2Stream::session() const { return connection_->session(); }

nghttp2_data_provider H2Stream::BodyProvider() {
  nghttp2_data_provider provider;
  provider.source.ptr = this;
  provider.read_callback = [](nghttp2_session*, int32_t, uint8_t*, size_t length, uint32_t* flags,
                              nghttp2_data_source* source, void*) {
    return static_cast<H2Stream*>(source->ptr)->Read(length, flags);
  };
  return provider;
}

// ---- To the peer

WriteResult H2Stream::QueueBody(std::string_view bytes) {
  if (id_ == 0 || outbound_ != Outbound::kOpen || bytes.empty()) return WriteResult::kMore;
  if (out_.empty()) moved_at_ms_ = connection_->loop().now_ms();
  out_.Append(bytes);
  connection_->AddQueued(bytes.size());
  Wake();
  const size_t limit = connection_->OutboundLimit();
  if (out_.size() < limit) return WriteResult::kMore;
  blocked_ = true;
  resume_at_ = limit / 2;
  return WriteResult::kBlocked;
}

void H2Stream::QueueTrailers(const HeaderList& trailers) {
  if (id_ != 0 && outbound_ == Outbound::kOpen) out_trailers_.Store(trailers);
}

void H2Stream::QueueEnd(EndKind kind) {
  if (id_ == 0 || outbound_ != Outbound::kOpen) return;
  outbound_ = kind == EndKind::kClean ? Outbound::kEnding : Outbound::kBreaking;
  moved_at_ms_ = connection_->loop().now_ms();
  Wake();
}

void H2Stream::Wake() {
  if (std::exchange(deferred_, false)) nghttp2_session_resume_data(session(), id_);
  connection_->WakeAtTurnEnd();
}

ssize_t H2Stream::Read(size_t limit, uint32_t* flags) {
  if (!connection_->open()) return NGHTTP2_ERR_CALLBACK_FAILURE;
  const bool nothing_to_send = out_.empty() && outbound_ == Outbound::kOpen;
  if (nothing_to_send || connection_->transport_blocked_) {
    deferred_ = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  if (out_.empty() && outbound_ == Outbound::kBreaking) {
    ResetStream(NGHTTP2_INTERNAL_ERROR);
    return NGHTTP2_ERR_DEFERRED;
  }
  const size_t size = std::min(limit, out_.size());
  *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (size == out_.size() && outbound_ == Outbound::kEnding) {
    outbound_ = Outbound::kEndQueued;
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (!out_trailers_.empty()) {
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      H2Fields fields;
      out_trailers_.AddTo(&fields);
      nghttp2_submit_trailer(session(), id_, fields.data(), fields.size());
    }
  }
  return static_cast<ssize_t>(size);
}

void H2Stream::Sent(size_t size) {
  out_.Consume(size);
  connection_->SubtractQueued(size);
  moved_at_ms_ = connection_->loop().now_ms();
  if (blocked_ && out_.size() <= resume_at_) connection_->MarkReady(this);
}

void H2Stream::ResetStream(uint32_t code) {
  if (id_ == 0) return;
  connection_->SubtractQueued(out_.size());
  out_.Clear();
  outbound_ = Outbound::kEndQueued;
  reset_by_us_ = true;
  nghttp2_submit_rst_stream(session(), NGHTTP2_FLAG_NONE, id_, code);
  connection_->WakeAtTurnEnd();
}

// ---- From the peer

void H2Stream::BeginBlock() { block()->Begin(connection_->context()); }

void H2Stream::ExpectHead() {
  head_complete_ = false;
  head_.Clear();
}

bool H2Stream::OnBlockEnd(bool end_stream) {
  if (!head_complete_) {
    head_complete_ = true;
    OnHead(end_stream);
    return true;
  }
  if (trailers_.ToTrailers() != nullptr) return true;
  ResetStream(NGHTTP2_ENHANCE_YOUR_CALM);
  return false;
}

void H2Stream::Receive(std::string_view bytes) {
  connection_->ReturnConnectionWindow(bytes.size());
  // Dropped; the stream's window stays with us, so that not much more of it comes.
  if (!user_open_) return;
  if (!deliverable() || !in_.empty()) {
    in_.Append(bytes);
    connection_->AddBuffered(bytes.size());
    return;
  }
  DeliverData(bytes);
  if (id_ != 0) nghttp2_session_consume_stream(session(), id_, bytes.size());
}

void H2Stream::ReceiveEnd() {
  inbound_ended_ = true;
  DeliverTail();
}

void H2Stream::Deliver() {
  delivering_ = true;
  while (deliverable() && !in_.empty()) {
    const std::string_view piece = in_.Front(kPiece);
    DeliverData(piece);
    const size_t size = piece.size();
    in_.Consume(size);
    connection_->SubtractBuffered(size);
    if (id_ == 0) continue;
    nghttp2_session_consume_stream(session(), id_, size);
    connection_->WakeAtTurnEnd();
  }
  delivering_ = false;
  if (!user_open_) DropInbound();
  DeliverTail();
}

void H2Stream::DeliverTail() {
  if (!inbound_ended_ || end_delivered_ || !in_.empty() || !deliverable()) return;
  end_delivered_ = true;
  if (trailers_.begun() && !trailers_.ToTrailers()->empty()) {
    DeliverTrailers(*trailers_.ToTrailers());
    if (!user_open_) return;
  }
  DeliverEnd();
}

void H2Stream::DropInbound() {
  connection_->SubtractBuffered(in_.size());
  in_.Clear();
}

// ---- The user's side

void H2Stream::Resume() {
  if (std::exchange(paused_, false)) connection_->MarkReady(this);
}

void H2Stream::Unhold() {
  if (std::exchange(held_, false)) connection_->MarkReady(this);
}

void H2Stream::CloseUser() {
  user_open_ = false;
  if (!delivering_) DropInbound();
  connection_->MarkReady(this);
}

void H2Stream::RunAtTurnEnd() { connection_->MarkReady(this); }

// ---- The connection's side

void H2Stream::RunTurn() {
  OnTurn();
  if (blocked_ && out_.size() <= resume_at_) {
    blocked_ = false;
    if (user_open_) DeliverDrained();
  }
  Deliver();
}

void H2Stream::Close(uint32_t code) {
  id_ = 0;
  connection_->SubtractQueued(out_.size());
  out_.Clear();
  outbound_ = Outbound::kEndQueued;
  blocked_ = false;
  OnClosed(code);
  connection_->MarkReady(this);
}

void H2Stream::Reset() {
  Recycle();
  head_.Clear();
  trailers_.Clear();
  in_.Clear();
  out_.Clear();
  out_trailers_.Clear();
  outbound_ = Outbound::kOpen;
  paused_ = held_ = head_complete_ = inbound_ended_ = false;
  end_delivered_ = deferred_ = blocked_ = false;
  reset_by_peer_ = reset_by_us_ = false;
}

}  // namespace sallyport::http

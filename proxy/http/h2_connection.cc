#include "proxy/http/h2_connection.h"

#include <algorithm>
#include <array>
#include <utility>

#include "proxy/http/h2_callbacks.h"

namespace sallyport::http {
namespace {

// Resets that a peer causes, by asking or by breaking rules: a client that leaves a page may cancel
// all of its streams at once, and does not do so all the time.
constexpr uint32_t kResetBurst = 512;
constexpr uint32_t kResetsPerSecond = 32;
// Frames that carry nothing. Those that answer what we sent are earned by it
// (h2_callbacks.cc).
constexpr uint32_t kFrameBurst = 2000;
constexpr uint32_t kFramesPerSecond = 100;

// Streams kept for use again, while others are under way and when none is.
constexpr size_t kMaxFree = 128;
constexpr size_t kMaxFreeWhenIdle = 4;

// How often streams are looked for that nobody reads.
constexpr std::chrono::milliseconds kSweepInterval(10'000);

}  // namespace

H2Connection::H2Connection(CodecContext* context, net::TransportPtr transport, std::string early,
                           Role role, std::span<const nghttp2_settings_entry> settings)
    : context_(context),
      transport_(std::move(transport)),
      early_(std::move(early)),
      timer_(context->loop, [this] { OnTimer(); }),
      role_(role),
      resets_(kResetBurst, kResetsPerSecond, context->loop->now_ms()),
      frames_(kFrameBurst, kFramesPerSecond, context->loop->now_ms()),
      block_began_ms_(context->loop->now_ms()),
      idle_since_ms_(context->loop->now_ms()) {
  session_ =
      role == Role::kServer ? Callbacks::NewServerSession(this) : Callbacks::NewClientSession(this);
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, kConnectionWindow);
  transport_->SetListener(this);
  UpdateTimer();
  WakeAtTurnEnd();
}

H2Connection::~H2Connection() { nghttp2_session_del(session_); }

void H2Connection::Retire() {
  retired_ = true;
  context_->loop->Cancel(this);
  timer_.Stop();
  for (const auto& stream : live_) stream->id_ = 0;
  transport_.reset();
}

// ---- Streams

H2Stream* H2Connection::TakeStream() {
  std::unique_ptr<H2Stream> stream;
  if (free_.empty()) {
    stream = MakeStream();
  } else {
    stream = std::move(free_.back());
    free_.pop_back();
  }
  stream->index_ = live_.size();
  stream->moved_at_ms_ = context_->loop->now_ms();
  live_.push_back(std::move(stream));
  return live_.back().get();
}

void H2Connection::Recycle(H2Stream* stream) {
  const size_t index = stream->index_;
  std::swap(live_[index], live_.back());
  live_[index]->index_ = index;
  std::unique_ptr<H2Stream> owned = std::move(live_.back());
  live_.pop_back();
  owned->Reset();
  if (free_.size() < kMaxFree) free_.push_back(std::move(owned));
  if (!live_.empty()) return;
  idle_since_ms_ = context_->loop->now_ms();
  if (free_.size() > kMaxFreeWhenIdle) free_.resize(kMaxFreeWhenIdle);
}

void H2Connection::MarkReady(H2Stream* stream) {
  if (retired_ || std::exchange(stream->ready_, true)) return;
  ready_.push_back(stream);
  WakeAtTurnEnd();
}

void H2Connection::RunReady() {
  // Grows while it is walked.
  for (size_t i = 0; i < ready_.size() && !retired_; ++i) {
    H2Stream* const stream = ready_[i];
    stream->ready_ = false;
    stream->RunTurn();
    if (!retired_ && stream->finished() && !stream->ready_) Recycle(stream);
  }
  ready_.clear();
}

// ---- Windows

void H2Connection::ReturnConnectionWindow(size_t size) {
  if (buffered_ >= kMaxBuffered) {
    withheld_ += size;
  } else {
    nghttp2_session_consume_connection(session_, size);
  }
}

void H2Connection::SubtractBuffered(size_t size) {
  buffered_ -= size;
  if (withheld_ == 0 || buffered_ > kMaxBuffered / 2) return;
  nghttp2_session_consume_connection(session_, std::exchange(withheld_, 0));
  WakeAtTurnEnd();
}

bool H2Connection::Charge(TokenBucket* bucket) {
  if (bucket->Take(context_->loop->now_ms())) return true;
  condemned_ = NGHTTP2_ENHANCE_YOUR_CALM;
  return false;
}

// ---- The transport

void H2Connection::OnData(std::string_view bytes) { Process(bytes); }

void H2Connection::Process(std::string_view bytes) {
  if (!open()) return;
  const ssize_t taken = nghttp2_session_mem_recv(
      session_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  if (retired_) return;
  if (taken < 0) {
    FailSession(taken);
    return;
  }
  WakeAtTurnEnd();
}

void H2Connection::OnEnd(net::EndKind) {
  // Either the peer has said all, or it is gone: HTTP/2 has no use for half a connection.
  Close(net::Patience::kFlushOnly, StreamError::kConnection, "the connection was closed");
}

void H2Connection::OnError(net::TransportError, const std::string& detail) {
  DropTransport();
  Close(net::Patience::kFlushOnly, StreamError::kConnection, detail);
}

void H2Connection::OnDrained() {
  transport_blocked_ = false;
  ResumeBodies();
  WakeAtTurnEnd();
}

// Those that Read put off because the transport was full.
void H2Connection::ResumeBodies() {
  for (const auto& stream : live_) {
    if (stream->id_ != 0) stream->Wake();
  }
}

void H2Connection::OnTurnEnd() {
  if (!early_.empty()) Process(std::exchange(early_, {}));
  if (!retired_) RunReady();
  if (retired_) return;
  if (open()) Flush();
  if (retired_) return;
  RunReady();
  if (retired_) return;
  UpdateTimer();
  OnSettled();
  if (!retired_ && !open()) MaybeOver();
}

void H2Connection::Flush() {
  while (!transport_blocked_) {
    const uint8_t* bytes = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_, &bytes);
    if (retired_) return;
    if (size < 0) {
      FailSession(size);
      return;
    }
    if (size == 0) break;
    const std::string_view frame(reinterpret_cast<const char*>(bytes), static_cast<size_t>(size));
    if (transport_->Write(frame) == net::WriteResult::kBlocked) transport_blocked_ = true;
  }
  if (nghttp2_session_want_read(session_) != 0 || nghttp2_session_want_write(session_) != 0) {
    return;
  }
  // A GOAWAY is behind us. What streams still hold may be delivered; nothing more comes or goes.
  Close(failed_ ? net::Patience::kWaitForPeer : net::Patience::kFlushOnly,
        failed_ ? StreamError::kProtocol : StreamError::kConnection,
        failed_ ? "the connection broke the rules of HTTP/2" : "the connection is closing");
}

// ---- The end

// nghttp2's session is of no more use, and says no GOAWAY itself.
void H2Connection::FailSession(ssize_t error) {
  uint32_t code = condemned_;
  if (code == NGHTTP2_NO_ERROR) {
    const bool is_flood = error == NGHTTP2_ERR_FLOODED || error == NGHTTP2_ERR_TOO_MANY_SETTINGS ||
                          error == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS;
    code = is_flood ? NGHTTP2_ENHANCE_YOUR_CALM : NGHTTP2_PROTOCOL_ERROR;
  }
  WriteGoaway(code);
  Close(net::Patience::kWaitForPeer, StreamError::kProtocol, nghttp2_http2_strerror(code));
}

void H2Connection::GoAway() {
  if (!open() || std::exchange(going_away_, true)) return;
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(session_), NGHTTP2_NO_ERROR,
                        nullptr, 0);
  WakeAtTurnEnd();
}

void H2Connection::Terminate(uint32_t code) {
  if (!open()) return;
  going_away_ = true;
  nghttp2_session_terminate_session(session_, code);
  WakeAtTurnEnd();
}

// RFC 9113 §6.8, by hand, for when nghttp2's session is unusable.
void H2Connection::WriteGoaway(uint32_t code) {
  const auto last = static_cast<uint32_t>(nghttp2_session_get_last_proc_stream_id(session_));
  constexpr uint8_t kPayload = 8;
  std::array<uint8_t, kFrameHeaderSize + kPayload> frame = {0, 0, kPayload, NGHTTP2_GOAWAY};
  for (size_t i = 0; i < 4; ++i) {
    const size_t shift = 24 - 8 * i;
    frame[9 + i] = static_cast<uint8_t>(last >> shift & 0xFF);
    frame[13 + i] = static_cast<uint8_t>(code >> shift & 0xFF);
  }
  transport_->Write({reinterpret_cast<const char*>(frame.data()), frame.size()});
}

void H2Connection::DropTransport() { transport_.reset(); }

void H2Connection::Close(net::Patience patience, StreamError error, std::string_view reason) {
  timer_.Stop();
  going_away_ = true;
  if (transport_ != nullptr) net::LingeringClose(std::move(transport_), patience);
  // The reason may be a stream's or nghttp2's; it lives as long as this call.
  const std::string kept(reason);
  for (size_t i = 0; i < live_.size() && !retired_; ++i) {
    H2Stream* const stream = live_[i].get();
    stream->id_ = 0;
    stream->OnConnectionLost(error, kept);
    MarkReady(stream);
  }
  WakeAtTurnEnd();
}

void H2Connection::MaybeOver() {
  if (live_.empty() && !std::exchange(over_told_, true)) OnOver();
}

// ---- Time

void H2Connection::UpdateTimer() {
  if (!open()) return;
  if (role_ == Role::kServer && (block_began_ms_ != 0 || live_.empty())) {
    const Limits& limits = context_->limits;
    const uint64_t now = context_->loop->now_ms();
    const uint64_t from = block_began_ms_ != 0 ? block_began_ms_ : idle_since_ms_;
    const auto limit = block_began_ms_ != 0 ? limits.head_timeout : limits.idle_timeout;
    const auto due = from + static_cast<uint64_t>(limit.count());
    timer_.Start(std::chrono::milliseconds(due > now ? due - now : 1));
    sweeping_ = false;
  } else if (live_.empty()) {
    timer_.Stop();
    sweeping_ = false;
  } else if (!std::exchange(sweeping_, true)) {
    timer_.Start(std::min(kSweepInterval, context_->limits.idle_timeout));
  }
}

void H2Connection::OnTimer() {
  if (role_ == Role::kServer && (block_began_ms_ != 0 || live_.empty())) {
    // A head that does not end, or nothing to do.
    Terminate(NGHTTP2_NO_ERROR);
    return;
  }
  ResetUnread();
  sweeping_ = false;
  UpdateTimer();
}

// Complete messages whose peer keeps its window shut: no exchange watches over them any more.
void H2Connection::ResetUnread() {
  const uint64_t now = context_->loop->now_ms();
  const auto limit = static_cast<uint64_t>(context_->limits.idle_timeout.count());
  for (const auto& stream : live_) {
    if (stream->id_ == 0 || stream->user_open_ || stream->moved_at_ms_ + limit > now) continue;
    stream->ResetStream(NGHTTP2_CANCEL);
  }
}

}  // namespace sallyport::http

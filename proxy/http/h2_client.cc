#include "proxy/http/h2_client.h"

#include <algorithm>
#include <array>
#include <utility>

#include "proxy/http/h2_client_stream.h"

namespace sallyport::http {
namespace {

constexpr size_t kCapacityBeforeSettings = 100;
// More streams than this serve nobody: other connections carry the rest.
constexpr size_t kMaxStreams = 256;
// Stream identifiers end at 2^31 - 1 and are odd; no new streams well before (RFC 9113 §5.1.1).
constexpr uint32_t kLastStream = 0x7F000000;

std::array<nghttp2_settings_entry, 3> Settings(const CodecContext& context) {
  return {{{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
           {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, H2Connection::kStreamWindow},
           {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE,
            static_cast<uint32_t>(context.limits.max_head_bytes)}}};
}

}  // namespace

H2Client::H2Client(CodecContext* context, net::TransportPtr transport, Scheme scheme, Owner* owner)
    : H2Connection(context, std::move(transport), {}, Role::kClient, Settings(*context)),
      owner_(owner),
      scheme_(scheme) {}

std::unique_ptr<H2Stream> H2Client::MakeStream() { return std::make_unique<H2ClientStream>(this); }

size_t H2Client::capacity() const {
  if (!open() || going_away()) return 0;
  if (nghttp2_session_get_next_stream_id(session()) > kLastStream) return 0;
  size_t limit = kCapacityBeforeSettings;
  if (settled_) {
    limit = nghttp2_session_get_remote_settings(session(), NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
  }
  limit = std::min(limit, kMaxStreams);
  return limit > streams() ? limit - streams() : 0;
}

bool H2Client::accepts_websocket() const {
  return settled_ && nghttp2_session_get_remote_settings(
                         session(), NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) == 1;
}

ClientStream* H2Client::OpenStream() {
  if (capacity() == 0) return nullptr;
  told_idle_ = false;
  auto* const stream = static_cast<H2ClientStream*>(TakeStream());
  had_no_capacity_ |= capacity() == 0;
  return stream->Begin();
}

void H2Client::OnPeerSettings() {
  settled_ = true;
  had_no_capacity_ |= capacity() == 0;
}

void H2Client::OnSettled() {
  const bool has_capacity = capacity() > 0;
  const bool regained = std::exchange(had_no_capacity_, false) && has_capacity;
  if (has_capacity != std::exchange(told_capacity_, has_capacity) || regained) {
    owner_->OnCapacityChanged(this);
    if (retired()) return;
  }
  if (idle() && !std::exchange(told_idle_, true)) owner_->OnIdle(this);
}

}  // namespace sallyport::http

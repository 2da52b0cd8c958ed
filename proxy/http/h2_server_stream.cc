#include "proxy/http/h2_server_stream.h"

#include <fmt/core.h>

#include <charconv>
#include <utility>

#include "proxy/http/local_reply.h"
#include "proxy/http/websocket_handshake.h"

namespace sallyport::http {
namespace {

constexpr std::string_view kStatus = ":status";

// Three digits, in the caller's buffer.
std::string_view StatusText(int status, char (&digits)[4]) {
  return {digits, static_cast<size_t>(std::to_chars(digits, digits + 3, status).ptr - digits)};
}

}  // namespace

// ---- The request

void H2ServerStream::OnHead(bool end_stream) {
  OpenUser();
  HeadError error;
  request_.Clear();
  if (!head_block()->ToRequest(end_stream, &request_, &error)) {
    server_->owner_->OnBadRequest(this, error);
    return;
  }
  if (request_.upgrade.empty()) {
    server_->owner_->OnRequest(this, &request_);
    return;
  }
  AskForWebSocket();
  server_->owner_->OnRequest(this, &request_);
  // The request itself is complete; after a switch the next end is the raw direction's.
  if (upgrade_ == Upgrade::kAsked && listener_ != nullptr) listener_->OnRequestEnd();
}

void H2ServerStream::AskForWebSocket() {
  upgrade_ = Upgrade::kAsked;
  Hold();
  const std::string key = NewWebSocketKey();
  accept_ = WebSocketAcceptFor(key);
  request_.headers.Replace({kWebSocketKey, request_.arena->Copy(key), HeaderId::kOther, false});
}

void H2ServerStream::DeliverData(std::string_view bytes) {
  if (listener_ != nullptr) listener_->OnRequestData(bytes);
}

void H2ServerStream::DeliverTrailers(const HeaderList& trailers) {
  if (listener_ != nullptr) listener_->OnRequestTrailers(trailers);
}

void H2ServerStream::DeliverEnd() {
  // A listener that has had the end of both directions calls no more.
  const bool last = upgrade_ == Upgrade::kDone && reply_done_;
  RequestListener* const listener = last ? std::exchange(listener_, nullptr) : listener_;
  if (listener != nullptr) listener->OnRequestEnd();
  if (last && user_open()) CloseUser();
}

void H2ServerStream::DeliverDrained() {
  if (listener_ != nullptr) listener_->OnResponseDrained();
}

// ---- The reply

void H2ServerStream::SendInformational(const ResponseHead& head) {
  if (!h2_open() || head_sent_) return;
  char digits[4];
  H2Fields fields;
  fields.Add(kStatus, StatusText(head.status, digits));
  fields.AddAll(head.headers);
  nghttp2_submit_headers(session(), NGHTTP2_FLAG_NONE, id(), nullptr, fields.data(), fields.size(),
                         nullptr);
  server_->WakeAtTurnEnd();
}

void H2ServerStream::SendHead(const ResponseHead& head) {
  if (!h2_open() || head_sent_) return;
  char digits[4];
  if (upgrade_ == Upgrade::kAsked) {
    if (head.status == 101 && IsAccepted(head)) {
      upgrade_ = Upgrade::kDone;
      head_sent_ = true;
      reply_body_ = {BodyKind::kStreamed, 0};
      Submit(head, "200");
      Unhold();
      return;
    }
    // Any 2xx would tell the client that the WebSocket is open (RFC 8441 §5).
    if (head.status < 300) {
      RefuseUpgrade(head);
      return;
    }
  }
  head_sent_ = true;
  reply_body_ = head.body;
  reply_remaining_ = head.body.length;
  Submit(head, StatusText(head.status, digits));
}

bool H2ServerStream::IsAccepted(const ResponseHead& head) const {
  const Header* accept = head.headers.Find(kWebSocketAccept);
  return accept != nullptr && accept->value == accept_ &&
         EqualsIgnoreCase(head.upgrade, kWebSocket);
}

void H2ServerStream::Submit(const ResponseHead& head, std::string_view status) {
  H2Fields fields;
  fields.Add(kStatus, status);
  if (upgrade_ == Upgrade::kDone) {
    HeaderList headers = head.headers;
    headers.RemoveIf(
        [](const Header& header) { return EqualsIgnoreCase(header.name, kWebSocketAccept); });
    fields.AddAll(headers);
  } else {
    fields.AddAll(head.headers);
  }
  const nghttp2_data_provider body = BodyProvider();
  const bool has_body = reply_body_.kind != BodyKind::kNone;
  if (!has_body) SetNoBody();
  nghttp2_submit_response(session(), id(), fields.data(), fields.size(),
                          has_body ? &body : nullptr);
  server_->WakeAtTurnEnd();
}

// The client gets an error reply, and the listener, which has more to send, learns that nobody
// takes it when the stream is closed behind that reply.
void H2ServerStream::RefuseUpgrade(const ResponseHead& head) {
  upgrade_ = Upgrade::kNone;
  upgrade_refused_ = true;
  LocalReply reply;
  reply.code = ReplyCode::kUpstreamProtocol;
  reply.message = head.status == 101 ? "the upstream's Sec-WebSocket-Accept is wrong"
                                     : fmt::format(
                                           "the upstream answered a WebSocket handshake "
                                           "with {} and did not switch protocols",
                                           head.status);
  SendLocalReply(this, reply, /*head_only=*/false);
}

WriteResult H2ServerStream::SendBody(std::string_view bytes) {
  if (!h2_open() || reply_done_ || reply_body_.kind == BodyKind::kNone) return WriteResult::kMore;
  if (reply_body_.kind == BodyKind::kLength) {
    bytes = bytes.substr(0, reply_remaining_);
    reply_remaining_ -= bytes.size();
  }
  return QueueBody(bytes);
}

void H2ServerStream::SendTrailers(const HeaderList& trailers) {
  if (!reply_done_) QueueTrailers(trailers);
}

void H2ServerStream::EndResponse(EndKind kind) {
  if (std::exchange(reply_done_, true)) {
    // The end of a reply whose upgrade was refused.
    listener_ = nullptr;
    if (user_open()) CloseUser();
    return;
  }
  if (!head_sent_) {
    ResetStream(NGHTTP2_INTERNAL_ERROR);
  } else if (reply_body_.kind == BodyKind::kLength && reply_remaining_ > 0) {
    QueueEnd(EndKind::kTruncated);
  } else {
    QueueEnd(kind);
  }
  // After a switch the other direction goes on.
  if (upgrade_ == Upgrade::kDone && !end_delivered()) return;
  if (upgrade_refused_) return;
  listener_ = nullptr;
  CloseUser();
}

void H2ServerStream::Abort() {
  listener_ = nullptr;
  reply_done_ = true;
  ResetStream(NGHTTP2_INTERNAL_ERROR);
  CloseUser();
}

// ---- The end

void H2ServerStream::OnEndSent() {
  end_sent_ = true;
  server_->EarnReset();
  // The rest of the request is not wanted (RFC 9113 §8.1).
  if (upgrade_ != Upgrade::kDone && !inbound_ended()) ResetStream(NGHTTP2_NO_ERROR);
}

void H2ServerStream::OnHeadNotSent(int) { ResetStream(NGHTTP2_INTERNAL_ERROR); }

void H2ServerStream::OnClosed(uint32_t code) {
  // Ended on both sides: what is left is between us and the listener.
  if (!user_open()) return;
  if (upgrade_refused_) {
    ClientGone("the WebSocket handshake was refused");
  } else if (!inbound_ended() || !end_sent_) {
    ClientGone(fmt::format("the client's stream was reset: {}", nghttp2_http2_strerror(code)));
  }
}

void H2ServerStream::OnConnectionLost(StreamError, std::string_view reason) {
  if (user_open()) ClientGone(reason);
}

void H2ServerStream::ClientGone(std::string_view reason) {
  RequestListener* const listener = std::exchange(listener_, nullptr);
  if (listener != nullptr) listener->OnClientGone(reason);
  if (user_open()) CloseUser();
}

void H2ServerStream::Recycle() {
  listener_ = nullptr;
  request_.Clear();
  reply_body_ = {};
  reply_remaining_ = 0;
  accept_.clear();
  upgrade_ = Upgrade::kNone;
  head_sent_ = reply_done_ = end_sent_ = upgrade_refused_ = false;
}

}  // namespace sallyport::http

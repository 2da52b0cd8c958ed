#include "proxy/http/h2_client_stream.h"

#include <fmt/core.h>

#include <utility>

#include "proxy/http/websocket_handshake.h"

namespace sallyport::http {

// ---- The request

void H2ClientStream::SendHead(const RequestHead& head) {
  if (!client_->open()) {
    // It ended between the lease and this call; the user learns it at the turn's end.
    unsent_ = true;
    RunAtTurnEnd();
    return;
  }
  ++client_->requests_;
  client_->EarnReset();
  request_ = head.method == "HEAD" ? H2Block::RequestKind::kHead : H2Block::RequestKind::kOther;
  const bool websocket = EqualsIgnoreCase(head.upgrade, kWebSocket) && client_->accepts_websocket();
  H2Fields fields;
  fields.Add(":method", websocket ? "CONNECT" : head.method);
  fields.Add(":scheme", client_->scheme_ == H2Client::Scheme::kHttps ? "https" : "http");
  fields.Add(":authority", head.host);
  fields.Add(":path", head.path);
  HeaderList headers;
  if (websocket) {
    upgrade_ = Upgrade::kAsked;
    fields.Add(":protocol", kWebSocket);
    headers = head.headers;
    const Header* const key = headers.Find(kWebSocketKey);
    if (key != nullptr) key_ = key->value;
    headers.RemoveIf(
        [](const Header& header) { return EqualsIgnoreCase(header.name, kWebSocketKey); });
    fields.AddAll(headers);
  } else {
    fields.AddAll(head.headers);
  }
  if (head.accepts_trailers) fields.Add("te", "trailers");
  const nghttp2_data_provider body = BodyProvider();
  const bool has_body = websocket || head.body.kind != BodyKind::kNone;
  if (!has_body) SetNoBody();
  const int32_t id =
      nghttp2_submit_request(session(), nullptr, fields.data(), fields.size(),
                             has_body ? &body : nullptr, static_cast<H2Stream*>(this));
  unsent_ = id <= 0;
  if (unsent_) {
    RunAtTurnEnd();
  } else {
    set_id(id);
  }
  client_->WakeAtTurnEnd();
}

void H2ClientStream::EndRequest() {
  // The handshake's request has no end of its own.
  if (upgrade_ != Upgrade::kAsked) QueueEnd(EndKind::kClean);
}

void H2ClientStream::Release() {
  listener_ = nullptr;
  // The last bytes of a WebSocket are still to arrive; those of a request that is answered already
  // are not wanted.
  const bool flushes =
      outbound() != Outbound::kOpen && (!outbound_queued() || upgrade_ == Upgrade::kDone);
  if (!inbound_ended() || !flushes) ResetStream(NGHTTP2_CANCEL);
  CloseUser();
}

// ---- The reply

void H2ClientStream::OnHead(bool end_stream) {
  received_ = true;
  HeadError error;
  response_.Clear();
  if (!head_block()->ToResponse(request_, end_stream, &response_, &error)) {
    Refuse(error.message);
    return;
  }
  if (listener_ == nullptr) return;
  if (response_.status < 200) {
    listener_->OnInformational(&response_);
    ExpectHead();
    return;
  }
  if (upgrade_ == Upgrade::kAsked) {
    if (response_.status < 300) {
      SwitchProtocols();
    } else {
      upgrade_ = Upgrade::kNone;
    }
  }
  if (response_.body.kind == BodyKind::kLength) left_ = response_.body.length;
  listener_->OnReplyHead(&response_);
}

// As the HTTP/1.1 server would have answered.
void H2ClientStream::SwitchProtocols() {
  upgrade_ = Upgrade::kDone;
  response_.status = 101;
  response_.reason = "Switching Protocols";
  response_.upgrade = kWebSocket;
  response_.body = {};
  response_.headers.RemoveIf(
      [](const Header& header) { return header.id == HeaderId::kContentLength; });
  response_.headers.Replace(
      {kWebSocketAccept, response_.arena->Copy(WebSocketAcceptFor(key_)), HeaderId::kOther, false});
}

// A reply that HTTP/2 allows and we do not. Nothing more of it is delivered.
void H2ClientStream::Refuse(std::string_view why) {
  refused_ = why;
  Hold();
  ResetStream(NGHTTP2_PROTOCOL_ERROR);
}

void H2ClientStream::DeliverData(std::string_view bytes) {
  if (listener_ == nullptr) return;
  if (left_.has_value()) {
    if (bytes.size() > *left_) {
      Fail(StreamError::kProtocol, "the upstream's reply is longer than its content-length");
      return;
    }
    *left_ -= bytes.size();
  }
  listener_->OnReplyData(bytes);
}

void H2ClientStream::DeliverTrailers(const HeaderList& trailers) {
  if (listener_ != nullptr) listener_->OnReplyTrailers(trailers);
}

void H2ClientStream::DeliverEnd() {
  if (left_.value_or(0) > 0) {
    Fail(StreamError::kProtocol, "the upstream's reply is shorter than its content-length");
  } else if (listener_ != nullptr) {
    listener_->OnReplyEnd(EndKind::kClean);
  }
}

void H2ClientStream::DeliverDrained() {
  if (listener_ != nullptr) listener_->OnRequestDrained();
}

// ---- The end

void H2ClientStream::OnHeadNotSent(int) { unsent_ = true; }

void H2ClientStream::OnTurn() {
  if (unsent_ && !h2_open()) Fail(StreamError::kRefused, "the connection ended before the request");
}

void H2ClientStream::OnClosed(uint32_t code) {
  if (!user_open() || (inbound_ended() && refused_.empty())) return;
  if (unsent_ || code == NGHTTP2_REFUSED_STREAM) {
    Fail(StreamError::kRefused, "the upstream refused the request unseen");
  } else if (reset_by_peer()) {
    Fail(StreamError::kConnection,
         fmt::format("the upstream reset the stream: {}", nghttp2_http2_strerror(code)));
  } else {
    Fail(StreamError::kProtocol, "the upstream's reply breaks the rules of HTTP/2");
  }
}

void H2ClientStream::OnConnectionLost(StreamError error, std::string_view reason) {
  if (!user_open()) return;
  // A reply that has arrived whole is still delivered.
  if (inbound_ended() && refused_.empty() && upgrade_ != Upgrade::kDone) return;
  Fail(error, std::string(reason));
}

void H2ClientStream::Fail(StreamError error, const std::string& detail) {
  ReplyListener* const listener = std::exchange(listener_, nullptr);
  if (listener == nullptr) return;
  if (refused_.empty()) {
    listener->OnReplyError(error, !received_, detail);
  } else {
    // However its stream ends.
    listener->OnReplyError(StreamError::kProtocol, !received_, std::string(refused_));
  }
}

void H2ClientStream::Recycle() {
  listener_ = nullptr;
  response_.Clear();
  key_.clear();
  refused_ = {};
  request_ = H2Block::RequestKind::kOther;
  upgrade_ = Upgrade::kNone;
  left_.reset();
  received_ = unsent_ = false;
}

}  // namespace sallyport::http

#include "bench/throughput/origin/connection.h"

#include <fmt/core.h>

#include <array>

#include "bench/throughput/wire/body.h"
#include "bench/throughput/wire/head.h"

namespace sallyport::bench {
namespace {

// One thread, and nothing in it outlives a callback.
std::array<char, 64 * 1024> read_buffer;

constexpr size_t kLongestHead = 64 * 1024;

}  // namespace

OriginConnection::OriginConnection(UniqueFd socket, SSL_CTX* context,
                                   std::string_view expected_authorization)
    : socket_(std::move(socket)), expected_authorization_(expected_authorization) {
  tls_.StartServer(context, socket_.get());
}

void OriginConnection::OnSocketEvent() {
  if (closed()) return;
  if (!secured_) {
    const Io outcome = tls_.Handshake();
    if (outcome == Io::kWouldBlock) return;
    if (outcome != Io::kDone) {
      Close();
      return;
    }
    secured_ = true;
    if (tls_.protocol() == "h2") http2_ = std::make_unique<Http2Server>(expected_authorization_);
  }
  if (http2_) return ServeHttp2();
  bool going_on = true;
  while (going_on) going_on = reply_head_.empty() ? ReadMore() : WriteReply();
}

void OriginConnection::ServeHttp2() {
  while (true) {
    const IoResult result = tls_.Read(read_buffer);
    if (result.io == Io::kWouldBlock) break;
    if (result.io != Io::kDone || !http2_->Take({read_buffer.data(), result.bytes})) {
      Close();
      return;
    }
  }
  if (!http2_->Write(tls_)) Close();
}

bool OriginConnection::ReadMore() {
  const IoResult result = tls_.Read(read_buffer);
  if (result.io == Io::kWouldBlock) return false;
  if (result.io != Io::kDone) return Close();
  return TakeBytes({read_buffer.data(), result.bytes});
}

bool OriginConnection::TakeBytes(std::string_view bytes) {
  if (upload_due_ == 0) {
    head_ += bytes;
    return TakeHead();
  }
  const std::string_view body = bytes.substr(0, upload_due_);
  if (IsBodyAt(upload_right_, body)) upload_right_ += body.size();
  upload_due_ -= body.size();
  head_ = bytes.substr(body.size());
  if (upload_due_ == 0) Reply("200 OK", 0, fmt::format("X-Received: {}\r\n", upload_right_));
  return true;
}

bool OriginConnection::TakeHead() {
  const size_t length = HeadLength(head_);
  if (length == 0) return head_.size() > kLongestHead ? Close() : true;

  const std::string_view head = std::string_view(head_).substr(0, length);
  const std::string rest = head_.substr(length);
  credential_ = FieldValue(head, "authorization") == expected_authorization_;
  const uint64_t announced = Decimal(FieldValue(head, "content-length").value_or("0")).value_or(0);
  constexpr std::string_view kBytes = "GET /bytes/";
  std::optional<uint64_t> wanted;
  if (head.starts_with(kBytes)) {
    const std::string_view number = head.substr(kBytes.size());
    wanted = Decimal(number.substr(0, number.find(' ')));
  }
  if (wanted && announced == 0) {
    Reply("200 OK", *wanted, "");
  } else if (head.starts_with("PUT /sink ") && announced > 0) {
    upload_due_ = announced;
    upload_right_ = 0;
  } else {
    Reply("404 Not Found", 0, "");
  }
  head_.clear();
  return rest.empty() || TakeBytes(rest);
}

void OriginConnection::Reply(std::string_view status, uint64_t body_length,
                             std::string_view more_fields) {
  reply_head_ = fmt::format(
      "HTTP/1.1 {}\r\nContent-Type: application/octet-stream\r\nContent-Length: {}\r\n"
      "X-Credential: {}\r\n{}\r\n",
      status, body_length, credential_ ? "yes" : "no", more_fields);
  // A small reply is one record.
  const std::string_view beginning = BodyBytes(0, std::min<uint64_t>(body_length, 8 * 1024));
  reply_head_ += beginning;
  reply_written_ = 0;
  body_length_ = body_length;
  body_written_ = beginning.size();
}

bool OriginConnection::WriteReply() {
  while (reply_written_ < reply_head_.size() || body_written_ < body_length_) {
    const bool in_head = reply_written_ < reply_head_.size();
    const std::string_view next = in_head ? std::string_view(reply_head_).substr(reply_written_)
                                          : BodyBytes(body_written_, body_length_ - body_written_);
    const IoResult result = tls_.Write(next);
    if (result.io == Io::kWouldBlock) return false;
    if (result.io != Io::kDone) return Close();
    (in_head ? reply_written_ : body_written_) += result.bytes;
  }
  reply_head_.clear();
  return true;
}

bool OriginConnection::Close() {
  http2_.reset();
  tls_.Close();
  socket_.Reset();
  return false;
}

}  // namespace sallyport::bench

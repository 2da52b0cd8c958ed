#include "bench/throughput/load/exchange.h"

#include <fmt/core.h>

#include "bench/throughput/wire/body.h"
#include "bench/throughput/wire/head.h"

namespace sallyport::bench {

std::string RequestHead(const Exchange& exchange) {
  std::string head = fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: sallyport-load\r\n",
                                 exchange.method, exchange.path, exchange.authority);
  if (!exchange.authorization.empty()) {
    head += fmt::format("Authorization: {}\r\n", exchange.authorization);
  }
  if (exchange.upload > 0) head += fmt::format("Content-Length: {}\r\n", exchange.upload);
  return head + "\r\n";
}

ReplyReader::State ReplyReader::Feed(std::string_view bytes) {
  if (in_body_) return FeedBody(bytes);
  if (!partial_head_.empty()) {
    partial_head_ += bytes;
    bytes = partial_head_;
  }
  const size_t length = HeadLength(bytes);
  if (length == 0) {
    if (partial_head_.empty()) partial_head_ = bytes;
    return State::kIncomplete;
  }
  if (!HeadIsRight(bytes.substr(0, length))) return State::kWrong;
  in_body_ = true;
  return FeedBody(bytes.substr(length));
}

ReplyReader::State ReplyReader::FeedBody(std::string_view bytes) {
  if (bytes.size() > exchange_->reply_length - received_) return Wrong("more bytes than announced");
  if (!IsBodyAt(received_, bytes)) return Wrong("another body than the origin sent");
  received_ += bytes.size();
  return received_ == exchange_->reply_length ? State::kComplete : State::kIncomplete;
}

bool ReplyReader::HeadIsRight(std::string_view head) {
  const std::string_view status = head.substr(0, head.find("\r\n"));
  if (!status.starts_with("HTTP/1.1 200")) {
    Wrong(fmt::format("the reply is: {}", status));
  } else if (FieldValue(head, "content-length") != fmt::format("{}", exchange_->reply_length)) {
    Wrong("another content-length, or none");
  } else if (FieldValue(head, "x-credential") != exchange_->credential) {
    Wrong(fmt::format("the origin should have said credential: {}", exchange_->credential));
  } else if (exchange_->upload > 0 &&
             FieldValue(head, "x-received") != fmt::format("{}", exchange_->upload)) {
    Wrong("the origin received another body");
  }
  closes_ = FieldValue(head, "connection") == "close";
  return problem_.empty();
}

ReplyReader::State ReplyReader::Wrong(std::string_view problem) {
  problem_ = problem;
  return State::kWrong;
}

void ReplyReader::Reset() {
  partial_head_.clear();
  in_body_ = false;
  received_ = 0;
  closes_ = false;
  problem_.clear();
}

}  // namespace sallyport::bench

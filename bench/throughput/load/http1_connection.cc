#include "bench/throughput/load/http1_connection.h"

#include <array>
#include <string>

#include "bench/throughput/wire/body.h"

namespace sallyport::bench {
namespace {

// One thread, and nothing in it outlives a callback.
std::array<char, 64 * 1024> read_buffer;

}  // namespace

Http1Connection::Http1Connection(EventLoop* loop, const Route* route, const Exchange* exchange,
                                 std::string_view request_head, Owner* owner)
    : Channel(loop, route),
      exchange_(exchange),
      request_head_(request_head),
      owner_(owner),
      reader_(exchange) {}

void Http1Connection::OnSecured() {
  busy_ = false;
  owner_->OnOpen(*this);
}

void Http1Connection::OnProgress() {
  // Without a request it is session tickets, or the end; the next request will see which.
  if (busy_) WriteRequest();
  if (busy_ && is_open()) ReadReply();
}

void Http1Connection::Send() {
  busy_ = true;
  written_ = 0;
  reader_.Reset();
  WriteRequest();
}

void Http1Connection::WriteRequest() {
  const uint64_t length = request_head_.size() + exchange_->upload;
  while (written_ < length) {
    const std::string_view next =
        written_ < request_head_.size()
            ? request_head_.substr(written_)
            : BodyBytes(written_ - request_head_.size(), length - written_);
    const IoResult result = tls().Write(next);
    if (result.io == Io::kWouldBlock) return;
    if (result.io != Io::kDone) return Fail(tls().error());
    written_ += result.bytes;
  }
}

void Http1Connection::ReadReply() {
  while (true) {
    const IoResult result = tls().Read(read_buffer);
    if (result.io == Io::kWouldBlock) return;
    if (result.io == Io::kClosed) return Fail("closed before the reply's end");
    if (result.io == Io::kFailed) return Fail(tls().error());
    switch (reader_.Feed({read_buffer.data(), result.bytes})) {
      case ReplyReader::State::kIncomplete:
        continue;
      case ReplyReader::State::kWrong:
        return Fail(std::string(reader_.problem()));
      case ReplyReader::State::kComplete:
        if (written_ < request_head_.size() + exchange_->upload) {
          return Fail("a reply before the request's end");
        }
        // No read(2) just to hear that there is nothing more: the next edge will say.
        busy_ = false;
        if (reader_.closes()) Close();
        return owner_->OnReply(*this);
    }
  }
}

}  // namespace sallyport::bench

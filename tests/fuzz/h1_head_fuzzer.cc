// One head, of a reply if it begins with "HTTP/". What the parser takes is well-formed, and what
// the writer makes of it says the same when it is parsed again: nothing is lost between two
// readings of one message.

#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/http/h1_head_parser.h"
#include "proxy/http/h1_head_writer.h"
#include "proxy/http/message_buffers.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/fuzz/head_checks.h"

namespace sallyport::fuzz {
namespace {

using http::Header;
using http::HeaderId;

constexpr http::Limits kLimits;

// Whether `bytes` begin with a head.
bool Collect(std::string_view bytes, http::MessageBuffers* buffers) {
  http::HeadCollector collector;
  return collector.Collect(&bytes, &buffers->head, kLimits) ==
         http::HeadCollector::Result::kComplete;
}

// What the writer puts there itself.
void RemoveWhatTheWriterWrites(http::HeaderList* headers) {
  headers->RemoveIf([](const Header& header) {
    switch (header.id) {
      case HeaderId::kConnection:
      case HeaderId::kHost:
      case HeaderId::kTe:
      case HeaderId::kTransferEncoding:
      case HeaderId::kUpgrade:
        return true;
      default:
        return false;
    }
  });
}

void CheckRequest(std::string_view bytes) {
  http::MessageBuffers buffers;
  http::RequestHead request;
  bool keep_alive = false;
  http::HeadError error;
  if (!Collect(bytes, &buffers)) return;
  if (!http::ParseRequestHead(&buffers, kLimits, &request, &keep_alive, &error)) {
    Require(!error.message.empty(), "a refusal without a reason");
    return;
  }
  CheckRequestHead(request);
  if (request.method == "CONNECT") return;
  // As a proxy sends it on: the authority is in Host alone.
  request.scheme = {};
  request.authority = {};
  request.is_http10 = false;
  if (request.host.empty()) request.host = "x";
  if (!request.upgrade.empty()) request.accepts_trailers = false;
  RemoveWhatTheWriterWrites(&request.headers);

  std::string written;
  http::WriteRequestHead(request, &written);
  http::MessageBuffers buffers_again;
  http::RequestHead again;
  Require(Collect(written, &buffers_again) && buffers_again.head == written,
          "the end of a written head is elsewhere");
  Require(http::ParseRequestHead(&buffers_again, kLimits, &again, &keep_alive, &error),
          "a written head is refused");
  Require(keep_alive, "a written head ends its connection");
  RemoveWhatTheWriterWrites(&again.headers);
  RequireSame(Describe(request), Describe(again), "when it is written and parsed");
}

void CheckResponse(std::string_view bytes, std::string_view method) {
  http::MessageBuffers buffers;
  http::ResponseHead response;
  bool keep_alive = false;
  http::HeadError error;
  if (!Collect(bytes, &buffers)) return;
  if (!http::ParseResponseHead(&buffers, kLimits, method, &response, &keep_alive, &error)) {
    Require(!error.message.empty(), "a refusal without a reason");
    return;
  }
  CheckResponseHead(response, method);
  // Which the codec refuses.
  if (response.status == 101 && response.upgrade.empty()) return;
  RemoveWhatTheWriterWrites(&response.headers);

  std::string written;
  http::WriteResponseHead(response, http::ConnectionField::kKeepAlive, &written);
  http::MessageBuffers buffers_again;
  http::ResponseHead again;
  Require(Collect(written, &buffers_again) && buffers_again.head == written,
          "the end of a written head is elsewhere");
  Require(http::ParseResponseHead(&buffers_again, kLimits, method, &again, &keep_alive, &error),
          "a written head is refused");
  RemoveWhatTheWriterWrites(&again.headers);
  RequireSame(Describe(response), Describe(again), "when it is written and parsed");
}

}  // namespace
}  // namespace sallyport::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (bytes.starts_with("HTTP/")) {
    sallyport::fuzz::CheckResponse(bytes, "GET");
    sallyport::fuzz::CheckResponse(bytes, "HEAD");
  } else {
    sallyport::fuzz::CheckRequest(bytes);
  }
  return 0;
}

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
// The writer adds a field or two.
constexpr http::Limits kWrittenLimits = {.max_head_bytes = 2 * kLimits.max_head_bytes,
                                         .max_fields = kLimits.max_fields + 4};

// Whether `bytes` begin with a head.
bool Collect(std::string_view bytes, const http::Limits& limits, http::MessageBuffers* buffers) {
  http::HeadCollector collector;
  return collector.Collect(&bytes, &buffers->head, limits) ==
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

// The parser's fields against a plain reading of the lines, which knows nothing of llhttp.
void CheckAgainstLines(std::string_view head, http::HeaderList parsed) {
  std::string_view lines = head.substr(head.find("\r\n") + 2);
  lines.remove_suffix(2);
  http::HeaderList read;
  Require(http::ParseFieldLines(lines, kLimits.max_fields, &read), "a malformed line was taken");
  // A request's is kept apart from its fields.
  const auto is_host = [](const Header& header) { return header.id == HeaderId::kHost; };
  read.RemoveIf(is_host);
  parsed.RemoveIf(is_host);
  Require(read.size() == parsed.size(), "another number of fields");
  auto other = parsed.begin();
  for (const Header& header : read) {
    Require(header.name == other->name, "another name");
    // Leading zeros of a length are dropped.
    Require(header.value == other->value ||
                (header.id == HeaderId::kContentLength && header.value.ends_with(other->value)),
            "another value");
    ++other;
  }
}

void CheckRequest(std::string_view bytes) {
  http::MessageBuffers buffers;
  http::RequestHead request;
  bool keep_alive = false;
  http::HeadError error;
  if (!Collect(bytes, kLimits, &buffers)) return;
  if (!http::ParseRequestHead(&buffers, kLimits, &request, &keep_alive, &error)) {
    Require(!error.message.empty(), "a refusal without a reason");
    return;
  }
  CheckRequestHead(request);
  CheckAgainstLines(buffers.head, request.headers);
  Require(buffers.head.starts_with(std::string(request.method) + " "), "another method");
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
  Require(Collect(written, kWrittenLimits, &buffers_again) && buffers_again.head == written,
          "the end of a written head is elsewhere");
  Require(http::ParseRequestHead(&buffers_again, kWrittenLimits, &again, &keep_alive, &error),
          "a written head is refused");
  Require(keep_alive, "a written head ends its connection");
  RemoveWhatTheWriterWrites(&again.headers);
  if (request.body.kind == http::BodyKind::kNone) {
    // The writer may say so by a length, which a POST is expected to have (RFC 9110 §8.6).
    Require(again.body.length == 0 && again.body.kind != http::BodyKind::kStreamed,
            "a body out of nothing");
    again.body = {};
    again.headers.RemoveIf([](const Header& h) { return h.id == HeaderId::kContentLength; });
  }
  RequireSame(Describe(request), Describe(again), "when it is written and parsed");
}

void CheckResponse(std::string_view bytes, std::string_view method) {
  http::MessageBuffers buffers;
  http::ResponseHead response;
  bool keep_alive = false;
  http::HeadError error;
  if (!Collect(bytes, kLimits, &buffers)) return;
  if (!http::ParseResponseHead(&buffers, kLimits, method, &response, &keep_alive, &error)) {
    Require(!error.message.empty(), "a refusal without a reason");
    return;
  }
  CheckResponseHead(response, method);
  CheckAgainstLines(buffers.head, response.headers);
  // Which the codec refuses.
  if (response.status == 101 && response.upgrade.empty()) return;
  RemoveWhatTheWriterWrites(&response.headers);

  std::string written;
  http::WriteResponseHead(response, http::ConnectionField::kKeepAlive, &written);
  http::MessageBuffers buffers_again;
  http::ResponseHead again;
  Require(Collect(written, kWrittenLimits, &buffers_again) && buffers_again.head == written,
          "the end of a written head is elsewhere");
  Require(
      http::ParseResponseHead(&buffers_again, kWrittenLimits, method, &again, &keep_alive, &error),
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

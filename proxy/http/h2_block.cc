#include "proxy/http/h2_block.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "proxy/http/field_syntax.h"
#include "proxy/http/reason_phrase.h"
#include "proxy/http/websocket_handshake.h"

namespace sallyport::http {
namespace {

// What a field counts beyond its bytes (RFC 9113 §6.5.2).
constexpr size_t kFieldOverhead = 32;

constexpr std::string_view kCookie = "cookie";
constexpr std::string_view kCookieSeparator = "; ";

bool Refuse(HeadError* error, std::string_view message) {
  error->message = message;
  return false;
}

// No registered method has a lower-case letter, and servers differ in whether "get" is GET.
bool IsMethod(std::string_view method) {
  return IsToken(method) &&
         std::none_of(method.begin(), method.end(), [](char c) { return c >= 'a' && c <= 'z'; });
}

bool IsPath(std::string_view path) {
  return std::none_of(path.begin(), path.end(), [](char c) {
    const auto byte = static_cast<uint8_t>(c);
    return byte <= 0x20 || byte == 0x7F || c == '#';
  });
}

// The content-length, which nghttp2 holds the DATA frames against. A number with leading zeros goes
// on without them.
bool ReadLength(bool end_stream, MessageBuffers* buffers, BodyFraming* body, HeadError* error) {
  *body = {};
  if (!end_stream) body->kind = BodyKind::kStreamed;
  for (Header& header : buffers->headers) {
    if (header.id != HeaderId::kContentLength) continue;
    const std::optional<uint64_t> length = ParseContentLength(header.value);
    if (!length.has_value()) return Refuse(error, "content-length is not a number");
    if (header.value.size() > 1 && header.value.front() == '0') {
      header.value = buffers->arena.Copy(std::to_string(*length));
    }
    if (!end_stream) *body = {BodyKind::kLength, *length};
  }
  return true;
}

// Frames say that there is none; HTTP/1.1 servers may insist on a length with these methods
// (RFC 9110 §8.6).
bool MayHaveBody(std::string_view method) {
  return method == "POST" || method == "PUT" || method == "PATCH";
}

}  // namespace

void H2Block::Begin(CodecContext* context) {
  Clear();
  buffers_ = context->buffers.Take();
}

void H2Block::Clear() { *this = H2Block(); }

// Names and values of HPACK's static table live as long as the program.
std::string_view H2Block::Keep(nghttp2_rcbuf* buffer) {
  const nghttp2_vec bytes = nghttp2_rcbuf_get_buf(buffer);
  const std::string_view text(reinterpret_cast<const char*>(bytes.base), bytes.len);
  return nghttp2_rcbuf_is_static(buffer) != 0 ? text : buffers_->arena.Copy(text);
}

void H2Block::Add(nghttp2_rcbuf* name, nghttp2_rcbuf* value, uint8_t flags, const Limits& limits) {
  if (too_large_) return;
  const size_t size =
      nghttp2_rcbuf_get_buf(name).len + nghttp2_rcbuf_get_buf(value).len + kFieldOverhead;
  bytes_ += size;
  // Crumbs of a cookie (RFC 9113 §8.2.3) count as the one field that they are.
  if (bytes_ > limits.max_head_bytes ||
      buffers_->headers.size() - cookies_ + std::min<size_t>(cookies_, 1) >= limits.max_fields) {
    too_large_ = true;
    return;
  }
  const std::string_view kept_name = Keep(name);
  const std::string_view kept_value = Keep(value);
  if (AddPseudo(kept_name, kept_value)) return;
  if (kept_name == kCookie) ++cookies_;
  // A value that its sender wants in no HPACK table enters none of ours (RFC 7541 §7.1.3).
  buffers_->headers.Add(
      {kept_name, kept_value, LookUpHeader(kept_name), (flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0});
}

bool H2Block::AddPseudo(std::string_view name, std::string_view value) {
  if (!name.starts_with(':')) return false;
  const std::pair<std::string_view, std::string_view*> fields[] = {
      {":method", &method_}, {":scheme", &scheme_},     {":authority", &authority_},
      {":path", &path_},     {":protocol", &protocol_}, {":status", &status_}};
  for (const auto& [known, field] : fields) {
    if (name == known) *field = value;
  }
  return true;
}

// One field again, for those who know no crumbs (RFC 9113 §8.2.3).
void H2Block::JoinCookies() {
  if (cookies_ < 2) return;
  size_t size = 0;
  bool sensitive = false;
  Header* first = nullptr;
  for (Header& header : buffers_->headers) {
    if (header.name != kCookie) continue;
    if (first == nullptr) first = &header;
    size += header.value.size() + kCookieSeparator.size();
    sensitive |= header.sensitive;
  }
  size -= kCookieSeparator.size();
  char* const joined = buffers_->arena.Allocate(size);
  char* at = joined;
  for (const Header& header : buffers_->headers) {
    if (header.name != kCookie) continue;
    if (at != joined) at = std::copy(kCookieSeparator.begin(), kCookieSeparator.end(), at);
    at = std::copy(header.value.begin(), header.value.end(), at);
  }
  first->value = {joined, size};
  first->sensitive = sensitive;
  const char* const kept = joined;
  buffers_->headers.RemoveIf([kept](const Header& header) {
    return header.name == kCookie && header.value.data() != kept;
  });
}

bool H2Block::ToRequest(bool end_stream, RequestHead* request, HeadError* error) {
  if (too_large_) {
    error->too_large = true;
    return Refuse(error, "the header list is too large");
  }
  HeaderList& headers = buffers_->headers;
  if (!IsMethod(method_)) return Refuse(error, "the method is not one");
  if (!IsPath(path_)) return Refuse(error, "control byte, space or fragment in the path");
  for (const Header& header : headers) {
    if (!IsToken(header.name)) return Refuse(error, "a field's name is not a token");
    if (!IsFieldValue(header.value)) return Refuse(error, "control byte in a field");
    if (header.id == HeaderId::kTe) request->accepts_trailers = true;  // it can say nothing else
  }
  const Header* host = headers.Find(HeaderId::kHost);
  if (host != nullptr && !authority_.empty() && !EqualsIgnoreCase(host->value, authority_)) {
    return Refuse(error, "Host and :authority differ");
  }
  request->authority = authority_.empty() && host != nullptr ? host->value : authority_;
  request->host = request->authority;
  if (request->host.empty()) return Refuse(error, "neither Host nor :authority");
  request->arena = &buffers_->arena;
  request->method = method_;
  request->path = path_;
  if (method_ != "CONNECT" || !protocol_.empty()) {
    // https is what this connection is; the exchange judges another.
    if (scheme_ == "http") {
      request->scheme = "http";
    } else if (scheme_ != "https") {
      return Refuse(error, "the scheme is neither http nor https");
    }
  }
  if (!ReadLength(end_stream, buffers_.get(), &request->body, error)) return false;
  if (end_stream && MayHaveBody(method_) && headers.Find(HeaderId::kContentLength) == nullptr) {
    request->body = {BodyKind::kLength, 0};
  }
  if (!protocol_.empty()) {
    if (!EqualsIgnoreCase(protocol_, kWebSocket)) {
      return Refuse(error, "the :protocol is not websocket");
    }
    request->method = "GET";
    request->upgrade = kWebSocket;
    request->body = {};
  }
  JoinCookies();
  headers.RemoveIf([](const Header& header) { return header.id == HeaderId::kHost; });
  request->headers.Swap(headers);
  return true;
}

bool H2Block::ToResponse(RequestKind request, bool end_stream, ResponseHead* response,
                         HeadError* error) {
  if (too_large_) return Refuse(error, "the reply's header list is too large");
  HeaderList& headers = buffers_->headers;
  const std::optional<uint64_t> status = ParseContentLength(status_);
  if (!status.has_value() || *status < 100 || *status > 999) {
    return Refuse(error, "the reply's status is not one");
  }
  for (const Header& header : headers) {
    if (!IsToken(header.name)) return Refuse(error, "a field's name is not a token");
    if (!IsFieldValue(header.value)) return Refuse(error, "control byte in a field");
  }
  response->arena = &buffers_->arena;
  response->status = static_cast<int>(*status);
  response->reason = ReasonPhrase(response->status);
  const bool bodiless = response->status < 200 || response->status == 204 ||
                        response->status == 304 || request == RequestKind::kHead;
  if (!ReadLength(end_stream || bodiless, buffers_.get(), &response->body, error)) return false;
  response->headers.Swap(headers);
  return true;
}

}  // namespace sallyport::http

#include "proxy/http/h1_head_writer.h"

#include <charconv>
#include <string_view>

namespace sallyport::http {
namespace {

void AppendField(std::string_view name, std::string_view value, std::string* out) {
  out->append(name);
  out->append(": ");
  out->append(value);
  out->append("\r\n");
}

// A length that was known without the field.
bool LacksLength(const RequestHead& request) {
  return request.body.kind == BodyKind::kLength && request.body.length == 0 &&
         request.headers.Find(HeaderId::kContentLength) == nullptr;
}

}  // namespace

void WriteFields(const HeaderList& fields, std::string* out) {
  for (const Header& header : fields) AppendField(header.name, header.value, out);
  out->append("\r\n");
}

void WriteRequestHead(const RequestHead& request, std::string* out) {
  out->append(request.method);
  out->push_back(' ');
  if (!request.scheme.empty()) {
    out->append(request.scheme);
    out->append("://");
    out->append(request.authority);
  }
  out->append(request.path);
  out->append(" HTTP/1.1\r\n");
  AppendField("Host", request.host, out);
  if (request.body.kind == BodyKind::kStreamed) AppendField("Transfer-Encoding", "chunked", out);
  if (LacksLength(request)) AppendField("Content-Length", "0", out);
  if (!request.upgrade.empty()) {
    AppendField("Connection", "Upgrade", out);
    AppendField("Upgrade", request.upgrade, out);
  } else if (request.accepts_trailers) {
    AppendField("Connection", "TE", out);
    AppendField("TE", "trailers", out);
  }
  WriteFields(request.headers, out);
}

void WriteResponseHead(const ResponseHead& response, ConnectionField connection, std::string* out) {
  out->append("HTTP/1.1 ");
  char digits[8];
  out->append(digits, std::to_chars(digits, digits + sizeof(digits), response.status).ptr);
  // The space stays even without a reason (RFC 9112 §4).
  out->push_back(' ');
  out->append(response.reason);
  out->append("\r\n");
  if (response.body.kind == BodyKind::kStreamed) AppendField("Transfer-Encoding", "chunked", out);
  if (response.status == 101) {
    AppendField("Connection", "Upgrade", out);
    AppendField("Upgrade", response.upgrade, out);
  } else if (connection == ConnectionField::kClose) {
    AppendField("Connection", "close", out);
  } else if (connection == ConnectionField::kKeepAlive) {
    AppendField("Connection", "keep-alive", out);
  }
  WriteFields(response.headers, out);
}

ChunkSizeLine::ChunkSizeLine(size_t chunk_size) {
  char* end = std::to_chars(text_, text_ + 2 * sizeof(size_t), chunk_size, 16).ptr;
  *end++ = '\r';
  *end++ = '\n';
  size_ = static_cast<size_t>(end - text_);
}

}  // namespace sallyport::http

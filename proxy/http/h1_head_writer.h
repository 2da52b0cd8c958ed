#ifndef SALLYPORT_PROXY_HTTP_H1_HEAD_WRITER_H_
#define SALLYPORT_PROXY_HTTP_H1_HEAD_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/http/message.h"

namespace sallyport::http {

enum class ConnectionField : uint8_t { kNone, kClose, kKeepAlive };

// Both append a head in HTTP/1.1's form, built from what was understood. Framing and connection
// fields follow from the other members; `headers` must not hold any but Content-Length. A request
// with a scheme gets an absolute-form target.
void WriteRequestHead(const RequestHead& request, std::string* out);
void WriteResponseHead(const ResponseHead& response, ConnectionField connection, std::string* out);

// "name: value" lines and the empty line after them.
void WriteFields(const HeaderList& fields, std::string* out);

// What stands before a chunk's data (RFC 9112 §7.1): its size and CRLF.
class ChunkSizeLine {
 public:
  explicit ChunkSizeLine(size_t chunk_size);
  std::string_view text() const { return {text_, size_}; }

 private:
  char text_[2 * sizeof(size_t) + 2];
  size_t size_;
};

}  // namespace sallyport::http

#endif  // SALLYPORT_PROXY_HTTP_H1_HEAD_WRITER_H_

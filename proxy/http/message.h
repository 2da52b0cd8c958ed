#ifndef SALLYPORT_PROXY_HTTP_MESSAGE_H_
#define SALLYPORT_PROXY_HTTP_MESSAGE_H_

#include <cstdint>
#include <string_view>
#include <utility>

#include "base/arena.h"
#include "proxy/http/header_list.h"

namespace sallyport::http {

// How a body's end is known (RFC 9112 §6.3), whatever the version that carries it.
enum class BodyKind : uint8_t {
  kNone,
  kLength,
  kStreamed,    // chunked in HTTP/1.1, DATA frames in HTTP/2: ends when it says so
  kUntilClose,  // replies only: ends with the connection
};

struct BodyFraming {
  BodyKind kind = BodyKind::kNone;
  uint64_t length = 0;  // for kLength
};

// A request, free of the version it came in. Views live as long as `arena`'s contents, which is
// until the request and its reply are done.
struct RequestHead {
  std::string_view method;
  // Of an absolute-form target ("http", "https"); empty for the other forms.
  std::string_view scheme;
  // Of an absolute-form or CONNECT target, or :authority; empty for origin-form.
  std::string_view authority;
  // The Host field, which is not in `headers`; empty when there was none.
  std::string_view host;
  // With the query; "*" for OPTIONS *; empty for CONNECT.
  std::string_view path;
  HeaderList headers;
  BodyFraming body;
  // The protocol list of an Upgrade that Connection names; empty if none.
  std::string_view upgrade;
  // TE listed "trailers".
  bool accepts_trailers = false;
  bool is_http10 = false;
  Arena* arena = nullptr;

  // Back to nothing, but for the list's memory.
  void Clear() {
    HeaderList kept = std::move(headers);
    kept.Clear();
    *this = RequestHead();
    headers = std::move(kept);
  }
};

struct ResponseHead {
  int status = 0;
  std::string_view reason;
  HeaderList headers;
  BodyFraming body;
  // Of a 101: the protocol switched to.
  std::string_view upgrade;
  Arena* arena = nullptr;

  void Clear() {
    HeaderList kept = std::move(headers);
    kept.Clear();
    *this = ResponseHead();
    headers = std::move(kept);
  }
};

// Why a head was refused, for the error reply.
struct HeadError {
  bool too_large = false;
  std::string_view message;
};

}  // namespace sallyport::http

#endif  // SALLYPORT_PROXY_HTTP_MESSAGE_H_

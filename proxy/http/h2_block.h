#ifndef SALLYPORT_PROXY_HTTP_H2_BLOCK_H_
#define SALLYPORT_PROXY_HTTP_H2_BLOCK_H_

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <string_view>

#include "proxy/http/message.h"
#include "proxy/http/message_buffers.h"

namespace sallyport::http {

// One HTTP/2 field block as it is decoded (RFC 9113 §8.1): a head, or trailers. nghttp2 has refused
// before what §8.2 and §8.3 call malformed: upper case, fields of a connection, pseudo-header
// fields that are missing, repeated, unknown or out of place. What remains to be checked before a
// head may go on to the exchange is checked here.
class H2Block {
 public:
  // Empties it, and takes memory of `context` for what will be read.
  void Begin(CodecContext* context);
  void Clear();
  bool begun() const { return buffers_ != nullptr; }

  // In the order of the block. Past the limits nothing is kept.
  void Add(nghttp2_rcbuf* name, nghttp2_rcbuf* value, uint8_t flags, const Limits& limits);

  // As a request's head, which then holds views into this block. False where it must be refused.
  // `end_stream`: nothing follows it. An extended CONNECT (RFC 8441) becomes the HTTP/1.1 upgrade
  // that it stands for: a GET with `upgrade`.
  bool ToRequest(bool end_stream, RequestHead* request, HeadError* error);

  enum class RequestKind : uint8_t { kOther, kHead };
  bool ToResponse(RequestKind request, bool end_stream, ResponseHead* response, HeadError* error);

  // As trailers; null where they are past the limits.
  const HeaderList* ToTrailers() const { return too_large_ ? nullptr : &buffers_->headers; }

 private:
  std::string_view Keep(nghttp2_rcbuf* buffer);
  bool AddPseudo(std::string_view name, std::string_view value);
  void JoinCookies();

  MessageBuffersPtr buffers_;
  std::string_view method_;
  std::string_view scheme_;
  std::string_view authority_;
  std::string_view path_;
  std::string_view protocol_;
  std::string_view status_;
  size_t bytes_ = 0;
  size_t cookies_ = 0;
  bool too_large_ = false;
};

}  // namespace sallyport::http

#endif  // SALLYPORT_PROXY_HTTP_H2_BLOCK_H_

#ifndef SALLYPORT_PROXY_HTTP_H1_HEAD_PARSER_H_
#define SALLYPORT_PROXY_HTTP_H1_HEAD_PARSER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/http/message.h"
#include "proxy/http/message_buffers.h"

namespace sallyport::http {

// Finds the end of an HTTP/1.1 head as its bytes arrive, and refuses at once what no valid head
// contains: a line that does not end in CRLF, a bare CR, too much of it.
class HeadCollector {
 public:
  enum class Result : uint8_t { kNeedMore, kComplete, kMalformed, kTooLarge };

  void Reset();

  // Moves the bytes that belong to the head from `*input` to `*head`, CRLF CRLF included. Empty
  // lines before a request line are dropped (RFC 9112 §2.2).
  Result Collect(std::string_view* input, std::string* head, const Limits& limits);

 private:
  size_t line_begin_ = 0;
  size_t scanned_ = 0;
  size_t lines_ = 0;
  size_t empty_lines_ = 0;  // before the first
  size_t first_line_size_ = 0;
};

// Both parse a complete head from `buffers.head`: llhttp reads it, and what llhttp lets through but
// RFC 9112 does not is refused afterwards. True on success. Views point into `buffers`.
// `keep_alive`: whether the peer lets the connection serve another message (RFC 9112 §9.3).
bool ParseRequestHead(MessageBuffers* buffers, const Limits& limits, RequestHead* request,
                      bool* keep_alive, HeadError* error);
// `request_method` decides whether a body can follow.
bool ParseResponseHead(MessageBuffers* buffers, const Limits& limits,
                       std::string_view request_method, ResponseHead* response, bool* keep_alive,
                       HeadError* error);

}  // namespace sallyport::http

#endif  // SALLYPORT_PROXY_HTTP_H1_HEAD_PARSER_H_

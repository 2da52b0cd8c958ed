#ifndef SALLYPORT_BENCH_THROUGHPUT_WIRE_HTTP2_H_
#define SALLYPORT_BENCH_THROUGHPUT_WIRE_HTTP2_H_

#include <nghttp2/nghttp2.h>

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "bench/throughput/wire/tls_stream.h"

namespace sallyport::bench {

// nghttp2, as far as both the load generator and the origin need it.

struct Http2Deleter {
  void operator()(nghttp2_session* session) const { nghttp2_session_del(session); }
  void operator()(nghttp2_session_callbacks* callbacks) const {
    nghttp2_session_callbacks_del(callbacks);
  }
};
using Http2Session = std::unique_ptr<nghttp2_session, Http2Deleter>;
using Http2Callbacks = std::unique_ptr<nghttp2_session_callbacks, Http2Deleter>;

Http2Callbacks NewHttp2Callbacks();
void SubmitSettings(nghttp2_session* session,
                    std::initializer_list<nghttp2_settings_entry> settings);

// A field for a call that copies it.
nghttp2_nv Field(std::string_view name, std::string_view value);

inline std::string_view View(const uint8_t* bytes, size_t length) {
  return {reinterpret_cast<const char*>(bytes), length};
}

// Moves a session's frames to the wire, many in one record.
class Http2Writer {
 public:
  // Writes what the session and the socket allow. False when the connection is broken.
  bool Write(nghttp2_session* session, TlsStream& tls);

 private:
  std::string waiting_;
  size_t written_ = 0;  // of waiting_
};

}  // namespace sallyport::bench

#endif  // SALLYPORT_BENCH_THROUGHPUT_WIRE_HTTP2_H_

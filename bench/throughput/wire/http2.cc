#include "bench/throughput/wire/http2.h"

#include "bench/throughput/wire/fatal.h"

namespace sallyport::bench {

Http2Callbacks NewHttp2Callbacks() {
  nghttp2_session_callbacks* callbacks = nullptr;
  if (nghttp2_session_callbacks_new(&callbacks) != 0) Fatal("nghttp2_session_callbacks_new");
  return Http2Callbacks(callbacks);
}

void SubmitSettings(nghttp2_session* session,
                    std::initializer_list<nghttp2_settings_entry> settings) {
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings.begin(), settings.size());
}

nghttp2_nv Field(std::string_view name, std::string_view value) {
  const auto bytes = [](std::string_view text) {
    return reinterpret_cast<uint8_t*>(const_cast<char*>(text.data()));
  };
  return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

bool Http2Writer::Write(nghttp2_session* session, TlsStream& tls) {
  // A record's worth.
  constexpr size_t kEnough = 16 * 1024;
  while (true) {
    while (waiting_.size() < kEnough) {
      const uint8_t* frame = nullptr;
      const ssize_t length = nghttp2_session_mem_send(session, &frame);
      if (length < 0) return false;
      if (length == 0) break;
      waiting_.append(View(frame, length));
    }
    if (waiting_.empty()) return true;
    while (written_ < waiting_.size()) {
      const IoResult result = tls.Write(std::string_view(waiting_).substr(written_));
      if (result.io == Io::kWouldBlock) return true;
      if (result.io != Io::kDone) return false;
      written_ += result.bytes;
    }
    waiting_.clear();
    written_ = 0;
  }
}

}  // namespace sallyport::bench

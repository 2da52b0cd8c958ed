#include "bench/throughput/origin/http2_server.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include "bench/throughput/wire/body.h"
#include "bench/throughput/wire/head.h"

namespace sallyport::bench {

Http2Server::Http2Server(std::string_view expected_authorization)
    : expected_authorization_(expected_authorization), callbacks_(MakeCallbacks()) {
  nghttp2_session* session = nullptr;
  nghttp2_session_server_new(&session, callbacks_.get(), this);
  session_.reset(session);
  SubmitSettings(session, {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 1000}});
}

bool Http2Server::Take(std::string_view bytes) {
  return nghttp2_session_mem_recv(session_.get(), reinterpret_cast<const uint8_t*>(bytes.data()),
                                  bytes.size()) >= 0;
}

bool Http2Server::Write(TlsStream& tls) {
  return writer_.Write(session_.get(), tls) &&
         (nghttp2_session_want_read(session_.get()) || nghttp2_session_want_write(session_.get()));
}

Http2Callbacks Http2Server::MakeCallbacks() {
  Http2Callbacks callbacks = NewHttp2Callbacks();
  nghttp2_session_callbacks_set_on_header_callback(
      callbacks.get(),
      [](nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name, size_t name_length,
         const uint8_t* value, size_t value_length, uint8_t, void* user) {
        static_cast<Http2Server*>(user)->TakeField(frame->hd.stream_id, View(name, name_length),
                                                   View(value, value_length));
        return 0;
      });
  nghttp2_session_callbacks_set_on_frame_recv_callback(
      callbacks.get(), [](nghttp2_session*, const nghttp2_frame* frame, void* user) {
        if (frame->hd.type == NGHTTP2_HEADERS && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) {
          static_cast<Http2Server*>(user)->Reply(frame->hd.stream_id);
        }
        return 0;
      });
  nghttp2_session_callbacks_set_on_stream_close_callback(
      callbacks.get(), [](nghttp2_session*, int32_t id, uint32_t, void* user) {
        static_cast<Http2Server*>(user)->streams_.erase(id);
        return 0;
      });
  return callbacks;
}

void Http2Server::TakeField(int32_t id, std::string_view name, std::string_view value) {
  constexpr std::string_view kBytes = "/bytes/";
  Stream& stream = streams_[id];
  if (name == ":path" && value.starts_with(kBytes)) {
    const auto wanted = Decimal(value.substr(kBytes.size()));
    stream.known = wanted.has_value();
    stream.length = wanted.value_or(0);
  } else if (name == "authorization") {
    stream.credential = value == expected_authorization_;
  }
}

void Http2Server::Reply(int32_t id) {
  Stream& stream = streams_[id];
  const std::string length = fmt::format("{}", stream.length);
  const std::array<nghttp2_nv, 4> fields = {
      Field(":status", stream.known ? "200" : "404"),
      Field("content-type", "application/octet-stream"), Field("content-length", length),
      Field("x-credential", stream.credential ? "yes" : "no")};
  nghttp2_data_provider body{};
  body.source.ptr = &stream;
  body.read_callback = [](nghttp2_session*, int32_t, uint8_t* into, size_t room, uint32_t* flags,
                          nghttp2_data_source* source, void*) -> ssize_t {
    auto& answered = *static_cast<Stream*>(source->ptr);
    const std::string_view next =
        BodyBytes(answered.sent, std::min<uint64_t>(room, answered.length - answered.sent));
    std::memcpy(into, next.data(), next.size());
    answered.sent += next.size();
    if (answered.sent == answered.length) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(next.size());
  };
  nghttp2_submit_response(session_.get(), id, fields.data(), fields.size(), &body);
}

}  // namespace sallyport::bench

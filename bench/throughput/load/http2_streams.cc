#include <fmt/core.h>
#include <nghttp2/nghttp2.h>

#include <array>
#include <string>

#include "bench/throughput/load/workload.h"
#include "bench/throughput/wire/body.h"
#include "bench/throughput/wire/fatal.h"
#include "bench/throughput/wire/http2.h"

namespace sallyport::bench {
namespace {

// One thread, and nothing in it outlives a callback.
std::array<char, 64 * 1024> read_buffer;

// One HTTP/2 connection with a fixed number of streams, each followed by another. Both the workload
// and its channel, since there is just one.
class Http2Streams final : public Workload, public Channel {
 public:
  Http2Streams(Setting* setting, int streams)
      : Channel(&setting->loop, &setting->route),
        setting_(setting),
        streams_(streams),
        callbacks_(MakeCallbacks()) {}

  void Run(TimePoint until) override {
    until_ = until;
    under_way_ = streams_.size();
    failed_ = false;
    if (is_open()) {
      BeginAll();
    } else {
      Open(0);
    }
    while (under_way_ > 0 && !failed_) setting_->loop.Turn(std::nullopt);
  }

 private:
  struct Stream {
    TimePoint due{};
    uint64_t received = 0;
    bool status_right = false;
    bool credential_right = false;
    bool body_right = true;
  };

  void OnSecured() override {
    if (tls().protocol() != "h2") return Fail("the proxy does not speak HTTP/2");
    ++tally_.opened;
    nghttp2_session* session = nullptr;
    nghttp2_session_client_new(&session, callbacks_.get(), this);
    session_.reset(session);
    writer_ = Http2Writer();
    // Windows that never hold up what is asked for here.
    SubmitSettings(session_.get(), {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
                                    {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1 << 20}});
    nghttp2_session_set_local_window_size(session_.get(), NGHTTP2_FLAG_NONE, 0, 1 << 26);
    BeginAll();
  }

  void BeginAll() {
    for (Stream& stream : streams_) Begin(stream);
    Flush();
  }

  void Begin(Stream& stream) {
    stream = Stream();
    stream.due = Clock::now();
    const Exchange& exchange = setting_->exchange;
    std::array<nghttp2_nv, 6> fields;
    size_t count = 0;
    fields[count++] = Field(":method", exchange.method);
    fields[count++] = Field(":scheme", "https");
    fields[count++] = Field(":authority", exchange.authority);
    fields[count++] = Field(":path", exchange.path);
    fields[count++] = Field("user-agent", "sallyport-load");
    if (!exchange.authorization.empty()) {
      fields[count++] = Field("authorization", exchange.authorization);
    }
    nghttp2_submit_request(session_.get(), nullptr, fields.data(), count, nullptr, &stream);
  }

  void OnProgress() override {
    while (is_open()) {
      const IoResult result = tls().Read(read_buffer);
      if (result.io == Io::kWouldBlock) break;
      if (result.io != Io::kDone) return Fail("the connection ended");
      const ssize_t taken = nghttp2_session_mem_recv(
          session_.get(), reinterpret_cast<uint8_t*>(read_buffer.data()), result.bytes);
      if (taken < 0) return Fail(nghttp2_strerror(static_cast<int>(taken)));
    }
    Flush();
  }

  void Flush() {
    if (is_open() && !writer_.Write(session_.get(), tls())) Fail("the connection broke");
  }

  // What was under way is one error: the run counts for nothing.
  void OnFailed(std::string_view reason) override {
    tally_.Error(reason);
    failed_ = true;
  }

  void Finish(Stream& stream, uint32_t error_code) {
    if (error_code != 0) {
      tally_.Error(fmt::format("stream reset: {}", nghttp2_http2_strerror(error_code)));
    } else if (!stream.status_right || !stream.credential_right || !stream.body_right ||
               stream.received != setting_->exchange.reply_length) {
      tally_.Error(!stream.status_right       ? "another status"
                   : !stream.credential_right ? "the origin received another credential"
                                              : "another body");
    } else {
      ++tally_.done;
      tally_.latency.Add(Clock::now() - stream.due);
    }
    if (Clock::now() < until_) {
      Begin(stream);
    } else {
      --under_way_;
    }
  }

  Stream& StreamOf(int32_t id) {
    return *static_cast<Stream*>(nghttp2_session_get_stream_user_data(session_.get(), id));
  }

  static Http2Callbacks MakeCallbacks() {
    Http2Callbacks callbacks = NewHttp2Callbacks();
    nghttp2_session_callbacks_set_on_header_callback(
        callbacks.get(),
        [](nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name, size_t name_length,
           const uint8_t* value, size_t value_length, uint8_t, void* user) {
          auto& self = *static_cast<Http2Streams*>(user);
          Stream& stream = self.StreamOf(frame->hd.stream_id);
          const std::string_view text = View(value, value_length);
          if (View(name, name_length) == ":status") {
            stream.status_right = text == "200";
          } else if (View(name, name_length) == "x-credential") {
            stream.credential_right = text == self.setting_->exchange.credential;
          }
          return 0;
        });
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
        callbacks.get(),
        [](nghttp2_session*, uint8_t, int32_t id, const uint8_t* data, size_t length, void* user) {
          Stream& stream = static_cast<Http2Streams*>(user)->StreamOf(id);
          stream.body_right = stream.body_right && IsBodyAt(stream.received, View(data, length));
          stream.received += length;
          return 0;
        });
    nghttp2_session_callbacks_set_on_stream_close_callback(
        callbacks.get(), [](nghttp2_session*, int32_t id, uint32_t error_code, void* user) {
          auto& self = *static_cast<Http2Streams*>(user);
          self.Finish(self.StreamOf(id), error_code);
          return 0;
        });
    return callbacks;
  }

  Setting* setting_;
  std::vector<Stream> streams_;
  Http2Callbacks callbacks_;
  Http2Session session_;
  Http2Writer writer_;
  TimePoint until_;
  size_t under_way_ = 0;
  bool failed_ = false;
};

}  // namespace

std::unique_ptr<Workload> MakeHttp2Streams(Setting* setting, int streams) {
  return std::make_unique<Http2Streams>(setting, streams);
}

}  // namespace sallyport::bench

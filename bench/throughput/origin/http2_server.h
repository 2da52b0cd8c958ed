#ifndef SALLYPORT_BENCH_THROUGHPUT_ORIGIN_HTTP2_SERVER_H_
#define SALLYPORT_BENCH_THROUGHPUT_ORIGIN_HTTP2_SERVER_H_

#include <cstdint>
#include <string_view>
#include <unordered_map>

#include "bench/throughput/wire/http2.h"
#include "bench/throughput/wire/tls_stream.h"

namespace sallyport::bench {

// The origin's side of one HTTP/2 connection: GET /bytes/N as over HTTP/1.1, and nothing else.
class Http2Server {
 public:
  explicit Http2Server(std::string_view expected_authorization);
  Http2Server(const Http2Server&) = delete;
  Http2Server& operator=(const Http2Server&) = delete;

  // Takes bytes from the wire. False when the connection is to end.
  bool Take(std::string_view bytes);
  // Writes what can be written. False when the connection is to end.
  bool Write(TlsStream& tls);

 private:
  struct Stream {
    uint64_t length = 0;  // of the reply's body
    uint64_t sent = 0;
    bool known = false;  // whether the path is one of ours
    bool credential = false;
  };

  static Http2Callbacks MakeCallbacks();
  void TakeField(int32_t id, std::string_view name, std::string_view value);
  void Reply(int32_t id);

  std::string_view expected_authorization_;
  Http2Callbacks callbacks_;
  std::unordered_map<int32_t, Stream> streams_;  // nodes stay where they are
  Http2Session session_;
  Http2Writer writer_;
};

}  // namespace sallyport::bench

#endif  // SALLYPORT_BENCH_THROUGHPUT_ORIGIN_HTTP2_SERVER_H_

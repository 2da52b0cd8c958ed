#ifndef SALLYPORT_BENCH_THROUGHPUT_ORIGIN_CONNECTION_H_
#define SALLYPORT_BENCH_THROUGHPUT_ORIGIN_CONNECTION_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/unique_fd.h"
#include "bench/throughput/origin/http2_server.h"
#include "bench/throughput/wire/event_loop.h"
#include "bench/throughput/wire/tls_stream.h"

namespace sallyport::bench {

// One connection to the origin: TLS, then HTTP/2 where ALPN agreed on it, and otherwise HTTP/1.1,
// one request after the other.
//
//   GET /bytes/N    N bytes of the body pattern
//   PUT /sink       reads a body with a Content-Length and says in X-Received how much of it was
//   right
//
// Every reply says in X-Credential whether the request's only Authorization was the expected one.
class OriginConnection final : public Watcher {
 public:
  // `expected_authorization` outlives the connection.
  OriginConnection(UniqueFd socket, SSL_CTX* context, std::string_view expected_authorization);
  OriginConnection(const OriginConnection&) = delete;
  OriginConnection& operator=(const OriginConnection&) = delete;

  int fd() const { return socket_.get(); }
  bool closed() const { return !socket_; }
  // Does what can be done at once: called by the loop, and once after the connection is watched.
  void OnSocketEvent() override;

 private:
  void ServeHttp2();
  // Each returns whether there is something to go on with.
  bool ReadMore();
  bool TakeBytes(std::string_view bytes);
  bool TakeHead();
  bool WriteReply();

  void Reply(std::string_view status, uint64_t body_length, std::string_view more_fields);
  bool Close();

  UniqueFd socket_;
  TlsStream tls_;
  std::string_view expected_authorization_;
  bool secured_ = false;
  std::unique_ptr<Http2Server> http2_;

  std::string head_;           // of the request, as far as it is here
  bool credential_ = false;    // of the request
  uint64_t upload_due_ = 0;    // bytes of the request's body that are still to come
  uint64_t upload_right_ = 0;  // bytes of it that were the pattern's

  std::string reply_head_;    // with the body's beginning; empty when nothing is to be written
  size_t reply_written_ = 0;  // of reply_head_
  uint64_t body_length_ = 0;
  uint64_t body_written_ = 0;
};

}  // namespace sallyport::bench

#endif  // SALLYPORT_BENCH_THROUGHPUT_ORIGIN_CONNECTION_H_

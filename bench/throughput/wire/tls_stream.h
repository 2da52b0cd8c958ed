#ifndef SALLYPORT_BENCH_THROUGHPUT_WIRE_TLS_STREAM_H_
#define SALLYPORT_BENCH_THROUGHPUT_WIRE_TLS_STREAM_H_

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "ca/openssl.h"

namespace sallyport::bench {

enum class Io {
  kDone,        // for a handshake: finished; for reading and writing: some bytes moved
  kWouldBlock,  // the loop will say when to try again
  kClosed,      // the peer ended the stream
  kFailed,      // see TlsStream::error
};

struct IoResult {
  Io io;
  size_t bytes = 0;
};

// TLS over a non-blocking socket that somebody else owns. One thread.
class TlsStream {
 public:
  TlsStream() = default;

  // Begins as the client: verifies the peer's certificate for `host`, sends it as SNI, and offers
  // `session` when it is not null. `owner` is what FromSsl returns for it.
  void StartClient(SSL_CTX* context, int fd, const std::string& host, SSL_SESSION* session,
                   void* owner);
  void StartServer(SSL_CTX* context, int fd);
  // Says farewell, without waiting for the peer's, and forgets the session's state.
  void Close();

  bool started() const { return ssl_ != nullptr; }
  Io Handshake();
  IoResult Read(std::span<char> into);
  IoResult Write(std::string_view bytes);

  bool resumed() const { return SSL_session_reused(ssl_.get()) == 1; }
  // What ALPN agreed on; empty without.
  std::string_view protocol() const;
  // Of the last kFailed.
  const std::string& error() const { return error_; }

 private:
  void Start(SSL_CTX* context, int fd);
  Io Outcome(int result, std::string_view what);

  ca::SslPtr ssl_;
  std::string error_;
};

// A client context: TLS 1.3 only, trusting the certificates in `ca_file` and nothing else.
// `on_session` is called with the SSL and each new session, which it takes ownership of by
// returning 1.
ca::SslCtxPtr MakeClientContext(const std::string& ca_file, std::string_view alpn,
                                int (*on_session)(SSL*, SSL_SESSION*));
// A server context with one certificate, which agrees to `alpn` when a client offers it.
ca::SslCtxPtr MakeServerContext(const std::string& certificate_file, const std::string& key_file,
                                std::string_view alpn);

}  // namespace sallyport::bench

#endif  // SALLYPORT_BENCH_THROUGHPUT_WIRE_TLS_STREAM_H_

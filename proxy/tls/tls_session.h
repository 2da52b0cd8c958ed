#ifndef SALLYPORT_PROXY_TLS_TLS_SESSION_H_
#define SALLYPORT_PROXY_TLS_TLS_SESSION_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "ca/openssl.h"

namespace sallyport::tls {

// A TLS connection as a state machine without a socket: ciphertext is handed in as a window over
// somebody else's bytes and comes out through a sink. Belongs to one event loop.
class TlsSession {
 public:
  class Sink {
   public:
    // Takes every byte; they are the TLS library's and valid for the call.
    virtual void OnCiphertext(std::string_view bytes) = 0;

   protected:
    ~Sink() = default;
  };

  enum class Status : uint8_t {
    kOk,
    kWantInput,  // the window is used up
    kEnd,        // the peer sent close_notify
    kError,      // see error()
  };

  // `ssl` has its role set (accept or connect state). `sink` outlives the session.
  TlsSession(ca::SslPtr ssl, Sink* sink);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  // The ciphertext to read from until the next call; what is left of it is unread_input().
  void SetInput(std::string_view window) { input_ = window; }
  std::string_view unread_input() const { return input_; }

  Status Handshake();

  // Decrypts into `buffer` until it is full or the input is used up. `size` bytes are there
  // whatever the status; any status but kOk is final or asks for input.
  struct ReadResult {
    Status status = Status::kOk;
    size_t size = 0;
  };
  ReadResult Read(std::span<char> buffer);

  // Whether Read would give bytes without more input.
  bool has_buffered_plaintext() const { return SSL_pending(ssl_.get()) > 0; }

  // Encrypts all of `plaintext` into records. False on an error.
  bool Write(std::string_view plaintext);
  void SendCloseNotify();

  // Why the last call failed, fit for a log or an error reply.
  const std::string& error() const { return error_; }
  SSL* ssl() const { return ssl_.get(); }

 private:
  friend struct SessionBio;

  Status Classify(int result);

  Sink* sink_;
  std::string_view input_;
  std::string error_;
  ca::SslPtr ssl_;
};

}  // namespace sallyport::tls

#endif  // SALLYPORT_PROXY_TLS_TLS_SESSION_H_

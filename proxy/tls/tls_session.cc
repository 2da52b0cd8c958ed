#include "proxy/tls/tls_session.h"

#include <openssl/err.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/status.h"
#include "ca/tls_compat.h"

namespace sallyport::tls {
namespace {

// SSL_get_error(3) wants the thread's queue empty before a call. It nearly always is, and emptying
// it walks through all its sixteen places.
void ClearErrors() {
  if (ERR_peek_error() != 0) ERR_clear_error();
}

}  // namespace

// The BIO between OpenSSL and a session's window and sink: no buffer of its own.
struct SessionBio {
  static int Read(BIO* bio, char* out, int size) {
    auto* session = static_cast<TlsSession*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    if (session->input_.empty()) {
      BIO_set_retry_read(bio);
      return -1;
    }
    const size_t count = std::min(session->input_.size(), static_cast<size_t>(size));
    std::memcpy(out, session->input_.data(), count);
    session->input_.remove_prefix(count);
    return static_cast<int>(count);
  }

  static int Write(BIO* bio, const char* bytes, int size) {
    auto* session = static_cast<TlsSession*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    session->sink_->OnCiphertext({bytes, static_cast<size_t>(size)});
    return size;
  }

  static long Control(BIO*, int command, long,
                      void*) {  // NOLINT(google-runtime-int): OpenSSL's type
    // Nothing is held back, so a flush has always happened.
    return command == BIO_CTRL_FLUSH ? 1 : 0;
  }

  static int Create(BIO* bio) {
    BIO_set_init(bio, 1);
    return 1;
  }

  static const BIO_METHOD* Method() {
    static const BIO_METHOD* const method = [] {
      BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "sallyport");
      if (made == nullptr) std::abort();
      BIO_meth_set_read(made, Read);
      BIO_meth_set_write(made, Write);
      BIO_meth_set_ctrl(made, Control);
      BIO_meth_set_create(made, Create);
      return made;
    }();
    return method;
  }
};

TlsSession::TlsSession(ca::SslPtr ssl, Sink* sink) : sink_(sink), ssl_(std::move(ssl)) {
  BIO* bio = BIO_new(SessionBio::Method());
  if (bio == nullptr) std::abort();  // out of memory
  BIO_set_data(bio, this);
  SSL_set_bio(ssl_.get(), bio, bio);
}

TlsSession::~TlsSession() {
  // However the connection ended, its session stays good for resumption: OpenSSL would take one
  // that ends without close_notify for an attack, and forbid it (RFC 2246 did; RFC 5246 §7.2.1 does
  // not).
  SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

TlsSession::Status TlsSession::Classify(int result) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_NONE:
      return Status::kOk;
    case SSL_ERROR_WANT_READ:
      return Status::kWantInput;
    case SSL_ERROR_ZERO_RETURN:
      return Status::kEnd;
    default:
      error_ = ca::VerifyErrorText(ssl_.get());
      if (error_.empty()) error_ = Message(ca::OpenSslStatus("TLS"));
      ERR_clear_error();
      return Status::kError;
  }
}

TlsSession::Status TlsSession::Handshake() {
  ClearErrors();
  const int result = SSL_do_handshake(ssl_.get());
  return result == 1 ? Status::kOk : Classify(result);
}

TlsSession::ReadResult TlsSession::Read(std::span<char> buffer) {
  ClearErrors();
  ReadResult result;
  while (result.size < buffer.size()) {
    const int size = SSL_read(ssl_.get(), buffer.data() + result.size,
                              static_cast<int>(buffer.size() - result.size));
    if (size <= 0) {
      result.status = Classify(size);
      return result;
    }
    result.size += static_cast<size_t>(size);
    // The usual small message: one record, and a further call would only say "want input".
    if (input_.empty() && SSL_pending(ssl_.get()) == 0) {
      result.status = Status::kWantInput;
      return result;
    }
  }
  return result;
}

bool TlsSession::Write(std::string_view plaintext) {
  ClearErrors();
  while (!plaintext.empty()) {
    const int size = SSL_write(ssl_.get(), plaintext.data(), static_cast<int>(plaintext.size()));
    if (size <= 0) {
      // The sink never blocks and nothing renegotiates, so "want" anything is an error too.
      if (Classify(size) != Status::kError) error_ = "TLS: unexpected state while writing";
      return false;
    }
    plaintext.remove_prefix(static_cast<size_t>(size));
  }
  return true;
}

void TlsSession::SendCloseNotify() {
  ClearErrors();
  SSL_shutdown(ssl_.get());
  ClearErrors();
}

}  // namespace sallyport::tls

#include "bench/throughput/wire/tls_stream.h"

#include <fmt/core.h>
#include <openssl/err.h>

#include <cerrno>
#include <cstring>

#include "base/status.h"
#include "bench/throughput/wire/fatal.h"

namespace sallyport::bench {
namespace {

// Room for a whole flight of records: one read(2) then fetches a reply and what came before it.
constexpr size_t kReadAheadBytes = 64 * 1024;

ca::SslCtxPtr MakeContext(const SSL_METHOD* method) {
  ca::SslCtxPtr context(SSL_CTX_new(method));
  if (!context) FatalTls("SSL_CTX_new");
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                      SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(context.get(), 1);
#ifndef OPENSSL_IS_BORINGSSL
  SSL_CTX_set_default_read_buffer_len(context.get(), kReadAheadBytes);
#endif
  return context;
}

// The form of ALPN's lists: each name behind its length (RFC 7301 section 3.1).
std::string ProtocolList(std::string_view name) {
  return static_cast<char>(name.size()) + std::string(name);
}

// `own` is the protocol list of the server.
int SelectProtocol(SSL*, const unsigned char** out, unsigned char* out_length,
                   const unsigned char* offered, unsigned offered_length, void* own) {
  const auto& list = *static_cast<const std::string*>(own);
  const int found = SSL_select_next_proto(const_cast<unsigned char**>(out), out_length,
                                          reinterpret_cast<const unsigned char*>(list.data()),
                                          list.size(), offered, offered_length);
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

}  // namespace

void TlsStream::Start(SSL_CTX* context, int fd) {
  ssl_.reset(SSL_new(context));
  if (!ssl_ || SSL_set_fd(ssl_.get(), fd) != 1) FatalTls("SSL_new");
}

void TlsStream::StartClient(SSL_CTX* context, int fd, const std::string& host, SSL_SESSION* session,
                            void* owner) {
  Start(context, fd);
  SSL_set_tlsext_host_name(ssl_.get(), host.c_str());
  if (SSL_set1_host(ssl_.get(), host.c_str()) != 1) FatalTls("SSL_set1_host");
  if (session != nullptr) SSL_set_session(ssl_.get(), session);
  SSL_set_app_data(ssl_.get(), owner);
  SSL_set_connect_state(ssl_.get());
}

void TlsStream::StartServer(SSL_CTX* context, int fd) {
  Start(context, fd);
  SSL_set_accept_state(ssl_.get());
}

void TlsStream::Close() {
  if (!ssl_) return;
  if (SSL_is_init_finished(ssl_.get())) SSL_shutdown(ssl_.get());
  ERR_clear_error();
  ssl_.reset();
}

Io TlsStream::Handshake() {
  ERR_clear_error();
  return Outcome(SSL_do_handshake(ssl_.get()), "TLS handshake");
}

IoResult TlsStream::Read(std::span<char> into) {
  ERR_clear_error();
  const int read = SSL_read(ssl_.get(), into.data(), static_cast<int>(into.size()));
  if (read > 0) return {Io::kDone, static_cast<size_t>(read)};
  return {Outcome(read, "reading")};
}

IoResult TlsStream::Write(std::string_view bytes) {
  ERR_clear_error();
  const int written = SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()));
  if (written > 0) return {Io::kDone, static_cast<size_t>(written)};
  return {Outcome(written, "writing")};
}

std::string_view TlsStream::protocol() const {
  const unsigned char* name = nullptr;
  unsigned length = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &length);
  return {reinterpret_cast<const char*>(name), length};
}

Io TlsStream::Outcome(int result, std::string_view what) {
  if (result == 1) return Io::kDone;
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      return Io::kWouldBlock;
    case SSL_ERROR_ZERO_RETURN:
      return Io::kClosed;
    default:
      // Without a word of the library's it was the socket.
      error_ = ERR_peek_error() != 0 ? std::string(Message(ca::OpenSslStatus(what)))
                                     : fmt::format("{}: {}", what, strerror(errno));
      return Io::kFailed;
  }
}

ca::SslCtxPtr MakeClientContext(const std::string& ca_file, std::string_view alpn,
                                int (*on_session)(SSL*, SSL_SESSION*)) {
  ca::SslCtxPtr context = MakeContext(TLS_client_method());
  SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION);
  if (SSL_CTX_load_verify_locations(context.get(), ca_file.c_str(), nullptr) != 1) {
    FatalTls("cannot read the CA file");
  }
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_session_cache_mode(context.get(),
                                 SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
  SSL_CTX_sess_set_new_cb(context.get(), on_session);
  const std::string list = ProtocolList(alpn);
  SSL_CTX_set_alpn_protos(context.get(), reinterpret_cast<const unsigned char*>(list.data()),
                          list.size());
  return context;
}

ca::SslCtxPtr MakeServerContext(const std::string& certificate_file, const std::string& key_file,
                                std::string_view alpn) {
  ca::SslCtxPtr context = MakeContext(TLS_server_method());
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  if (SSL_CTX_use_certificate_chain_file(context.get(), certificate_file.c_str()) != 1 ||
      SSL_CTX_use_PrivateKey_file(context.get(), key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    FatalTls("cannot use the certificate or its key");
  }
  // One server context a program, for as long as it runs.
  static std::string list;
  list = ProtocolList(alpn);
  SSL_CTX_set_alpn_select_cb(context.get(), SelectProtocol, &list);
  return context;
}

}  // namespace sallyport::bench

#ifndef SALLYPORT_PROXY_TLS_SERVER_CONTEXT_H_
#define SALLYPORT_PROXY_TLS_SERVER_CONTEXT_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "ca/leaf_cache.h"
#include "ca/openssl.h"
#include "ca/tls_compat.h"
#include "rules/authority.h"

namespace sallyport::tls {

// The side of TLS that clients see: one SSL_CTX for a worker; each connection gets the leaf of the
// host it asked for.
class ServerContext {
 public:
  // All three outlive the context; they are shared by the workers and thread-safe.
  static absl::StatusOr<std::unique_ptr<ServerContext>> Create(
      const ca::CertificateAuthority* authority, ca::LeafCache* leaves, ca::TicketKeys* tickets);
  ServerContext(const ServerContext&) = delete;
  ServerContext& operator=(const ServerContext&) = delete;

  // A session that presents the leaf for `host` and refuses a ClientHello that names another
  // (unrecognized_name, RFC 6066 §3). One that names none gets the leaf. `host` outlives the
  // session. Null only when memory is out.
  ca::SslPtr NewSession(const rules::Host* host);

 private:
  ServerContext(const ca::CertificateAuthority* authority, ca::LeafCache* leaves);

  static int OnServerName(SSL* ssl, int* alert, void* argument);
  static int OnChooseCertificate(SSL* ssl, void* argument);

  const ca::CertificateAuthority* authority_;
  ca::LeafCache* leaves_;
  const std::string alpn_;
  ca::SslCtxPtr context_;
};

}  // namespace sallyport::tls

#endif  // SALLYPORT_PROXY_TLS_SERVER_CONTEXT_H_

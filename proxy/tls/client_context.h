#ifndef SALLYPORT_PROXY_TLS_CLIENT_CONTEXT_H_
#define SALLYPORT_PROXY_TLS_CLIENT_CONTEXT_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "ca/openssl.h"
#include "rules/authority.h"

namespace sallyport::tls {

// The last session an origin gave us, for resumption. One for each origin: a session stands for a
// verification, and that was of one name.
struct SessionSlot {
  ca::SslSessionPtr session;
};

// The side of TLS that upstreams see: verifies the chain and the exact name, always.
class ClientContext {
 public:
  // Takes a reference to `trust`, which may be shared by the workers.
  static absl::StatusOr<std::unique_ptr<ClientContext>> Create(X509_STORE* trust);

  // The protocols that ALPN offers, the first preferred.
  enum class Offer : uint8_t { kHttp2AndHttp1, kHttp1 };

  // A session that accepts nobody but `host`, tries to resume the slot's session, and keeps new
  // ones there. `slot` outlives the session. Null when memory is out or the name cannot be
  // verified.
  ca::SslPtr NewSession(const rules::Host& host, SessionSlot* slot, Offer offer);

 private:
  ClientContext() : context_(SSL_CTX_new(TLS_client_method())) {}

  static int OnNewSession(SSL* ssl, SSL_SESSION* session);

  ca::SslCtxPtr context_;
};

}  // namespace sallyport::tls

#endif  // SALLYPORT_PROXY_TLS_CLIENT_CONTEXT_H_

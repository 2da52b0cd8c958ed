#ifndef SALLYPORT_CA_TLS_COMPAT_H_
#define SALLYPORT_CA_TLS_COMPAT_H_

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "base/ip_address.h"
#include "ca/openssl.h"
#include "ca/ticket_keys.h"  // IWYU pragma: export
#include "ca/trust_store.h"  // IWYU pragma: export

// TLS contexts in terms that OpenSSL 3 and BoringSSL share. What the two do differently is decided
// in this folder; the code above it is the same over both.
namespace sallyport::ca {

// What every context of ours has: TLS 1.2 and 1.3 and nothing else, no renegotiation, no
// compression, idle connections give their record buffers back, partial writes from a buffer that
// may move.
absl::Status ConfigureProtocol(SSL_CTX* context);

// ---- Towards clients

// Calls `callback(ssl, argument)` once the ClientHello is known and the server must choose its
// certificate; SSL_get_servername() answers by then. It returns 1 to go on, 0 to fail the
// handshake.
void SetCertificateCallback(SSL_CTX* context, int (*callback)(SSL*, void*), void* argument);

// Presents `certificate`, proved by `key`, on this connection alone. For use in the callback above.
// False when the two do not belong together.
bool UseLeaf(SSL* ssl, X509* certificate, EVP_PKEY* key);

// How many tickets a TLS 1.3 handshake ends with; the libraries' default is two, and each costs
// 12–16 µs.
absl::Status SetNumTickets(SSL_CTX* context, size_t count);

// ---- ALPN (RFC 7301)

// "\x02h2\x08http/1.1": each name with its length before it.
std::string EncodeAlpn(std::initializer_list<std::string_view> protocols);

// The protocols a client offers, encoded, most wanted first.
absl::Status OfferAlpn(SSL_CTX* context, std::string_view encoded);
absl::Status OfferAlpn(SSL* ssl, std::string_view encoded);

// Makes a server choose the first of `encoded` that the client offers. Where they share none the
// handshake goes on without ALPN. `encoded` must outlive the context.
void SelectAlpn(SSL_CTX* context, const std::string* encoded);

// The protocol agreed on, empty if none. Valid while `ssl` lives.
std::string_view NegotiatedAlpn(const SSL* ssl);

// ---- Towards upstreams

// Makes a client refuse every peer whose certificate `store` does not verify. Takes a reference of
// its own.
absl::Status ConfigureVerification(SSL_CTX* context, X509_STORE* store);

// Requires the peer's certificate to name exactly this host (RFC 6125 §6): `address` in an IP SAN
// where it is set, otherwise `name` in a DNS SAN, whose wildcard may stand for one whole leftmost
// label only. The common name counts for nothing.
bool SetVerifyHost(SSL* ssl, const std::string& name, const std::optional<IpAddress>& address);

// Why verification failed, fit to show the user; empty if it did not fail.
std::string VerifyErrorText(const SSL* ssl);

}  // namespace sallyport::ca

#endif  // SALLYPORT_CA_TLS_COMPAT_H_

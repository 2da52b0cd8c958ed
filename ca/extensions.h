#ifndef SALLYPORT_CA_EXTENSIONS_H_
#define SALLYPORT_CA_EXTENSIONS_H_

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/ip_address.h"
#include "ca/openssl.h"

// The X.509 extensions of our certificates (RFC 5280 §4.2.1), each built once and added to many.
namespace sallyport::ca {

enum class Criticality { kNotCritical = 0, kCritical = 1 };

// 160 bits that name a public key (RFC 7093 §2, method 1: the start of its SHA-256).
using KeyIdentifier = std::array<uint8_t, 20>;
absl::StatusOr<KeyIdentifier> IdentifierOf(EVP_PKEY* key);

// The identifier a certificate carries; nothing if it has none.
std::optional<KeyIdentifier> SubjectKeyIdentifierOf(X509* certificate);

// Critical. An authority that signs leaves only: path length 0; or a leaf.
absl::StatusOr<X509ExtensionPtr> AuthorityConstraints();
absl::StatusOr<X509ExtensionPtr> LeafConstraints();

// Critical. keyCertSign and cRLSign; or digitalSignature.
absl::StatusOr<X509ExtensionPtr> AuthorityKeyUsage();
absl::StatusOr<X509ExtensionPtr> LeafKeyUsage();

// id-kp-serverAuth alone.
absl::StatusOr<X509ExtensionPtr> ServerAuthOnly();

absl::StatusOr<X509ExtensionPtr> SubjectKeyIdentifier(const KeyIdentifier& identifier);
absl::StatusOr<X509ExtensionPtr> AuthorityKeyIdentifier(const KeyIdentifier& identifier);

// One iPAddress where `address` is set, otherwise one dNSName.
absl::StatusOr<X509ExtensionPtr> SubjectAltName(std::string_view host,
                                                const std::optional<IpAddress>& address,
                                                Criticality criticality);

}  // namespace sallyport::ca

#endif  // SALLYPORT_CA_EXTENSIONS_H_

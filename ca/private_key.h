#ifndef SALLYPORT_CA_PRIVATE_KEY_H_
#define SALLYPORT_CA_PRIVATE_KEY_H_

#include "absl/status/statusor.h"
#include "base/secret.h"
#include "ca/openssl.h"

namespace sallyport::ca {

// A fresh ECDSA P-256 key. Its private half lives in the TLS library's locked, undumped heap where
// there is one (OpenSSL) and the kernel grants it. The first call sets that heap up and must happen
// before other threads use the library.
absl::StatusOr<EvpPkeyPtr> GenerateP256Key();

// PKCS #8 PEM, not encrypted.
absl::StatusOr<SecretString> PrivateKeyToPem(const EVP_PKEY* key);

// A P-256 private key from PEM. Encrypted keys are refused; nobody is asked for a passphrase.
absl::StatusOr<EvpPkeyPtr> P256KeyFromPem(const SecretString& pem);

}  // namespace sallyport::ca

#endif  // SALLYPORT_CA_PRIVATE_KEY_H_

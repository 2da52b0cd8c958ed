#ifndef SALLYPORT_CA_LAZY_ROOTS_H_
#define SALLYPORT_CA_LAZY_ROOTS_H_

#include <string>

#include "absl/status/status.h"
#include "ca/openssl.h"

namespace sallyport::ca {

// Makes `certificate` a trust anchor of `store`, which takes a reference of its own. From any
// thread. False when there is no memory.
bool AddTrustAnchor(X509* certificate, X509_STORE* store);

// Makes every certificate of `pem` a root of `store`. Those that cannot be parsed are left out.
//
// OpenSSL 3 takes 0.15 ms to parse a certificate, nearly all of it for the key, and a system has
// 140 roots, of which a process needs three or four. So each is parsed when a chain first leads to
// its subject, on the thread that verifies. BoringSSL parses them at once, and fast.
absl::Status AddRootsLazily(std::string pem, X509_STORE* store);

}  // namespace sallyport::ca

#endif  // SALLYPORT_CA_LAZY_ROOTS_H_

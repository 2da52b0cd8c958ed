#ifndef SALLYPORT_CA_JAVA_TRUST_STORE_H_
#define SALLYPORT_CA_JAVA_TRUST_STORE_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace sallyport::ca {

// The certificates of a PEM bundle as a PKCS#12 store (RFC 7292) whose entries Java takes for
// trust anchors: each carries the attribute trustedKeyUsage, which the JDK requires of them. There
// is nothing secret in it, so nothing is encrypted and there is no MAC; Java opens it with any
// password. Fails when the bundle holds no certificate.
absl::StatusOr<std::string> MakeJavaTrustStore(std::string_view pem_bundle);

}  // namespace sallyport::ca

#endif  // SALLYPORT_CA_JAVA_TRUST_STORE_H_

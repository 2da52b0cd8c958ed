#ifndef SALLYPORT_CA_TRUST_STORE_H_
#define SALLYPORT_CA_TRUST_STORE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "ca/openssl.h"

namespace sallyport::ca {

// What upstream certificates are verified against: the system's roots and every certificate in the
// extra PEM files, each a trust anchor whatever its place in a hierarchy. Certificate revocation
// lists in the extra files are enforced on the whole chain; an issuer without a list is not asked
// for one, an expired list refuses what its issuer signed. The store may be given to several
// SSL_CTX (ConfigureVerification); reading it is thread-safe.
//
// System certificates that the library cannot parse are left out, for they are not the user's
// doing; an extra file that is missing, holds nothing or holds something malformed is an error that
// names it.
absl::StatusOr<X509StorePtr> LoadTrustStore(std::string system_roots_pem,
                                            const std::vector<std::string>& extra_pem_files);

}  // namespace sallyport::ca

#endif  // SALLYPORT_CA_TRUST_STORE_H_

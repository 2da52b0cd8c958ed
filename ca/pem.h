#ifndef SALLYPORT_CA_PEM_H_
#define SALLYPORT_CA_PEM_H_

#include <string_view>

#include "absl/functional/function_ref.h"

namespace sallyport::ca {

// Calls `take` with the DER of each certificate in `pem` (RFC 7468), which is what it says: nothing
// of it is parsed. Everything else, malformed blocks too, is passed over. An order of magnitude
// faster than the library's reader, which matters for a bundle of roots at every start.
void ForEachCertificate(std::string_view pem, absl::FunctionRef<void(std::string_view der)> take);

}  // namespace sallyport::ca

#endif  // SALLYPORT_CA_PEM_H_

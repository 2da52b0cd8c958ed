#include "ca/openssl.h"

#include <openssl/err.h>

#include <string>

namespace sallyport::ca {

absl::Status OpenSslStatus(std::string_view what) {
  std::string message(what);
  const char* separator = ": ";
  while (const auto error = ERR_get_error()) {
    char buffer[256];
    const char* reason = ERR_reason_error_string(error);
    if (reason == nullptr) {
      ERR_error_string_n(error, buffer, sizeof(buffer));
      reason = buffer;
    }
    message.append(separator).append(reason);
    separator = "; ";
  }
  return absl::InternalError(message);
}

}  // namespace sallyport::ca

#include "proxy/net/uv_status.h"

#include <fmt/core.h>
#include <uv.h>

#include <cstdlib>

#include "base/log.h"

namespace sallyport::net {

absl::Status UvStatus(int error, std::string_view what) {
  // On Linux libuv's codes are negated errno values, but for those of getaddrinfo(3).
  const std::string message = fmt::format("{}: {}", what, uv_strerror(error));
  if (error <= UV_EAI_ADDRFAMILY) return absl::UnavailableError(message);
  return {absl::ErrnoToStatusCode(-error), message};
}

void CheckUv(int result, const char* what) {
  if (result >= 0) return;
  log::Error("net", "libuv refused a call that cannot fail",
             {{"call", what}, {"reason", uv_strerror(result)}});
  std::abort();
}

}  // namespace sallyport::net

#ifndef SALLYPORT_PROXY_NET_UV_STATUS_H_
#define SALLYPORT_PROXY_NET_UV_STATUS_H_

#include <string_view>

#include "absl/status/status.h"

namespace sallyport::net {

// The Status for a libuv error code (negative): "<what>: <uv_strerror>".
absl::Status UvStatus(int error, std::string_view what);

// For calls that only fail when this program is wrong.
void CheckUv(int result, const char* what);

}  // namespace sallyport::net

#endif  // SALLYPORT_PROXY_NET_UV_STATUS_H_

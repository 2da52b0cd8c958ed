#ifndef SALLYPORT_BASE_STATUS_H_
#define SALLYPORT_BASE_STATUS_H_

#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace sallyport {

// A status message, in the standard library's type. Valid while `status` lives.
inline std::string_view Message(const absl::Status& status) {
  return {status.message().data(), status.message().size()};
}

// The Status for a failed system call: "<what>: <strerror(error)>", with absl's canonical code for
// the errno.
absl::Status ErrnoStatus(int error, std::string_view what);

}  // namespace sallyport

#define SALLYPORT_STATUS_JOIN_INNER(a, b) a##b
#define SALLYPORT_STATUS_JOIN(a, b) SALLYPORT_STATUS_JOIN_INNER(a, b)

// Returns from the enclosing function when `expression` is a Status that is not OK.
#define RETURN_IF_ERROR(expression)                                         \
  do {                                                                      \
    if (absl::Status status_ = (expression); !status_.ok()) return status_; \
  } while (false)

// Declares or assigns `target` from a StatusOr, or returns its error.
#define ASSIGN_OR_RETURN(target, expression) \
  SALLYPORT_ASSIGN_OR_RETURN(SALLYPORT_STATUS_JOIN(status_or_, __LINE__), target, expression)
#define SALLYPORT_ASSIGN_OR_RETURN(result, target, expression) \
  auto result = (expression);                                  \
  if (!result.ok()) return std::move(result).status();         \
  target = *std::move(result)

#endif  // SALLYPORT_BASE_STATUS_H_

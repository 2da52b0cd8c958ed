#ifndef SALLYPORT_BASE_FILE_H_
#define SALLYPORT_BASE_FILE_H_

#include <sys/types.h>

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace sallyport {

// The whole file, at most `max_bytes`. Errors name the path.
absl::StatusOr<std::string> ReadFile(const std::string& path, size_t max_bytes);
// The same of an open file; `path` is for the errors.
absl::StatusOr<std::string> ReadToEnd(int fd, const std::string& path, size_t max_bytes);

// Writes a temporary file beside `path` and renames it over `path`, so that a reader
// sees the old contents or the new, never a part. The file has exactly `mode`.
absl::Status WriteFileAtomically(const std::string& path, std::string_view contents, mode_t mode);

}  // namespace sallyport

#endif  // SALLYPORT_BASE_FILE_H_

#ifndef SALLYPORT_BASE_TRUSTED_FILE_H_
#define SALLYPORT_BASE_TRUSTED_FILE_H_

#include <string>

#include "absl/status/statusor.h"
#include "base/followed_files.h"

namespace sallyport {

// The whole of a regular file, at most `max_bytes`, that nobody but root and this process's user
// can change: they own the file, every symbolic link and every folder on the way to it, and no
// group or other may write to any of those. A folder with the sticky bit, such as /tmp, may be
// writable, since what is in it still belongs to its owner. What was checked is what is read,
// whatever is renamed meanwhile, and what `files` (null: none) admits. Errors name what is unsafe
// and how to mend it.
absl::StatusOr<std::string> ReadTrustedFile(const std::string& path, size_t max_bytes,
                                            FollowedFiles* files = nullptr);

}  // namespace sallyport

#endif  // SALLYPORT_BASE_TRUSTED_FILE_H_

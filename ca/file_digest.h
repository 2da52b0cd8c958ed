#ifndef SALLYPORT_CA_FILE_DIGEST_H_
#define SALLYPORT_CA_FILE_DIGEST_H_

#include <array>
#include <atomic>
#include <cstdint>

#include "absl/status/statusor.h"

namespace sallyport::ca {

using Sha256Digest = std::array<uint8_t, 32>;

// The SHA-256 of an open file, from its beginning to its end as it is read; the offset is not
// moved. Fails where reading does, and with Cancelled soon after `*stop` has been set.
absl::StatusOr<Sha256Digest> Sha256OfFile(int fd, const std::atomic<bool>& stop);

}  // namespace sallyport::ca

#endif  // SALLYPORT_CA_FILE_DIGEST_H_

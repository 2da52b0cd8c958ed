#include "ca/file_digest.h"

#include <unistd.h>

#include <cerrno>
#include <vector>

#include "base/status.h"
#include "ca/openssl.h"

namespace sallyport::ca {
namespace {

constexpr size_t kPiece = size_t{256} * 1024;

}  // namespace

absl::StatusOr<Sha256Digest> Sha256OfFile(int fd, const std::atomic<bool>& stop) {
  const EvpMdCtxPtr context(EVP_MD_CTX_new());
  if (context == nullptr || EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) != 1) {
    return OpenSslStatus("cannot hash");
  }
  std::vector<char> piece(kPiece);
  off_t offset = 0;
  while (!stop) {
    const ssize_t size = pread(fd, piece.data(), piece.size(), offset);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return ErrnoStatus(errno, "cannot read");
    if (size == 0) {
      Sha256Digest digest;
      if (EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) != 1) break;
      return digest;
    }
    offset += size;
    if (EVP_DigestUpdate(context.get(), piece.data(), static_cast<size_t>(size)) != 1) break;
  }
  return stop ? absl::CancelledError("the program ends") : OpenSslStatus("cannot hash");
}

}  // namespace sallyport::ca

#ifndef SALLYPORT_CA_BUNDLE_H_
#define SALLYPORT_CA_BUNDLE_H_

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "ca/certificate_authority.h"

namespace sallyport::ca {

// The PEM certificates that this machine trusts: the first of the places where Linux distributions
// keep their bundle, and the file named by $SSL_CERT_FILE where it is set. NotFound when there is
// neither.
absl::StatusOr<std::string> ReadSystemRoots();

// The files a client needs to trust this run. Owns the private folder they are in when
// WriteCaFiles() made one, and removes it at the end; files in a folder of the user's stay.
class CaFiles {
 public:
  CaFiles(CaFiles&& other) noexcept
      : ca_crt(std::move(other.ca_crt)),
        ca_bundle_crt(std::move(other.ca_bundle_crt)),
        owned_folder_(std::exchange(other.owned_folder_, {})) {}
  CaFiles& operator=(CaFiles&& other) noexcept;
  ~CaFiles() { RemoveOwnedFolder(); }

  // Path of our certificate alone, for programs that add it to their own roots.
  std::string ca_crt;
  // Path of the system's roots and ours, for programs that take one file instead of their own.
  std::string ca_bundle_crt;

 private:
  friend absl::StatusOr<CaFiles> WriteCaFiles(const std::string& dir_or_empty,
                                              const CertificateAuthority& authority);
  CaFiles() = default;
  void RemoveOwnedFolder();

  std::string owned_folder_;
};

// Makes the folder, mode 0700, unless there is something of that name. The folder it is to lie in
// must exist, so that a mistyped path is noticed.
absl::Status EnsureCaFolder(const std::string& folder);

// Writes `ca.crt` and `ca-bundle.crt` (both 0644, each replaced atomically) into a folder, made if
// it is missing, or, when `dir_or_empty` is empty, into a fresh one of mode 0700 under
// $XDG_RUNTIME_DIR, $TMPDIR or /tmp. Errors name the folder or file and the remedy.
absl::StatusOr<CaFiles> WriteCaFiles(const std::string& dir_or_empty,
                                     const CertificateAuthority& authority);

}  // namespace sallyport::ca

#endif  // SALLYPORT_CA_BUNDLE_H_

// CertificateAuthority::LoadOrCreate(): the one authority that outlives its run.

#include <fcntl.h>
#include <openssl/pem.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include <fmt/core.h>

#include "base/file.h"
#include "base/secret.h"
#include "base/status.h"
#include "base/unique_fd.h"
#include "ca/bundle.h"
#include "ca/certificate_authority.h"
#include "ca/private_key.h"

namespace sallyport::ca {
namespace {

constexpr off_t kMaxKeyFile = 64 * 1024;
constexpr size_t kMaxCertificateFile = 64 * 1024;
constexpr mode_t kGroupAndOthers = S_IRWXG | S_IRWXO;

struct Paths {
  explicit Paths(const std::string& folder)
      : folder(folder), key(folder + "/ca.key"), certificate(folder + "/ca.crt") {}

  std::string folder;
  std::string key;
  std::string certificate;
};

absl::Status Annotate(const absl::Status& status, const std::string& path) {
  return absl::Status(status.code(), fmt::format("{}: {}", path, Message(status)));
}

absl::Status CheckPrivate(int fd, const std::string& path, const char* mode) {
  struct stat status;
  if (fstat(fd, &status) != 0) return ErrnoStatus(errno, fmt::format("cannot look at {}", path));
  if (status.st_uid != geteuid()) {
    return absl::PermissionDeniedError(
        fmt::format("{} belongs to user {}, not to the user {} that runs this; the CA's key must "
                    "be its user's own",
                    path, status.st_uid, geteuid()));
  }
  if ((status.st_mode & kGroupAndOthers) != 0) {
    return absl::PermissionDeniedError(
        fmt::format("{0} can be opened by other users (mode {1:o}), and whoever reads the CA's key "
                    "can pose as any site; run: chmod {2} {0}",
                    path, status.st_mode & 07777, mode));
  }
  return absl::OkStatus();
}

// The folder, open, and locked until it is closed: a second process waits here and then finds the
// first one's files.
absl::StatusOr<UniqueFd> OpenFolder(const std::string& folder) {
  RETURN_IF_ERROR(EnsureCaFolder(folder));
  UniqueFd fd(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return ErrnoStatus(errno, fmt::format("cannot open the CA folder {}", folder));
  RETURN_IF_ERROR(CheckPrivate(fd.get(), folder, "700"));
  while (flock(fd.get(), LOCK_EX) != 0) {
    if (errno != EINTR) return ErrnoStatus(errno, fmt::format("cannot lock {}", folder));
  }
  return fd;
}

// The key file's bytes straight into locked memory, without a stop in an ordinary buffer.
absl::StatusOr<SecretString> ReadKeyFile(int fd, const std::string& path) {
  struct stat status;
  if (fstat(fd, &status) != 0) return ErrnoStatus(errno, fmt::format("cannot look at {}", path));
  if (!S_ISREG(status.st_mode) || status.st_size == 0 || status.st_size > kMaxKeyFile) {
    return absl::InvalidArgumentError(fmt::format("{} is not a key file", path));
  }
  SecretString contents = SecretString::OfSize(static_cast<size_t>(status.st_size));
  size_t filled = 0;
  while (filled < contents.size()) {
    const ssize_t size = read(fd, contents.mutable_bytes() + filled, contents.size() - filled);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return ErrnoStatus(errno, fmt::format("cannot read {}", path));
    if (size == 0) return absl::InvalidArgumentError(fmt::format("{} changed while read", path));
    filled += static_cast<size_t>(size);
  }
  return contents;
}

absl::StatusOr<X509Ptr> ReadCertificate(const Paths& paths) {
  absl::StatusOr<std::string> pem = ReadFile(paths.certificate, kMaxCertificateFile);
  if (absl::IsNotFound(pem.status())) {
    return absl::NotFoundError(fmt::format(
        "{} is there but {} is not; put it back, or remove the key to have both made anew",
        paths.key, paths.certificate));
  }
  RETURN_IF_ERROR(pem.status());
  const BioPtr bio(BIO_new_mem_buf(pem->data(), static_cast<int>(pem->size())));
  X509Ptr certificate;
  if (bio) certificate.reset(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  if (!certificate) return OpenSslStatus(fmt::format("{} is not a certificate", paths.certificate));
  return certificate;
}

absl::Status CheckCertificate(X509* certificate, EVP_PKEY* key, const Paths& paths) {
  if (X509_check_private_key(certificate, key) != 1) {
    (void)OpenSslStatus("drained");
    return absl::InvalidArgumentError(
        fmt::format("{} and {} do not belong together; remove both to have them made anew",
                    paths.key, paths.certificate));
  }
  // 1: an authority by its basic constraints; the other values are guesses about old certificates.
  if (X509_check_ca(certificate) != 1 || X509_get0_subject_key_id(certificate) == nullptr ||
      (X509_get_key_usage(certificate) & X509v3_KU_KEY_CERT_SIGN) == 0) {
    return absl::InvalidArgumentError(
        fmt::format("{} is not a certificate authority's; remove it and {} to have them made anew",
                    paths.certificate, paths.key));
  }
  if (X509_cmp_current_time(X509_get0_notBefore(certificate)) >= 0) {
    return absl::FailedPreconditionError(
        fmt::format("{} is not valid yet; is this machine's clock right?", paths.certificate));
  }
  if (X509_cmp_current_time(X509_get0_notAfter(certificate)) <= 0) {
    return absl::FailedPreconditionError(
        fmt::format("{} has expired; remove it and {} to have them made anew, and have clients "
                    "trust the new one",
                    paths.certificate, paths.key));
  }
  return absl::OkStatus();
}

absl::Status WriteAuthority(const Paths& paths, const EVP_PKEY* key,
                            const std::string& certificate) {
  ASSIGN_OR_RETURN(const SecretString pem, PrivateKeyToPem(key));
  // The certificate first: if this stops halfway, a certificate without a key is replaced next
  // time, whereas a key without its certificate is an error.
  RETURN_IF_ERROR(WriteFileAtomically(paths.certificate, certificate, 0644));
  return WriteFileAtomically(paths.key, pem.Reveal(), 0600);
}

}  // namespace

absl::StatusOr<std::unique_ptr<CertificateAuthority>> CertificateAuthority::LoadOrCreate(
    const std::string& dir, std::string_view run_name) {
  const Paths paths(dir);
  ASSIGN_OR_RETURN(const UniqueFd folder, OpenFolder(dir));
  const UniqueFd key_file(
      openat(folder.get(), "ca.key", O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK));
  if (!key_file && errno != ENOENT) {
    return ErrnoStatus(errno, fmt::format("cannot open {}", paths.key));
  }
  if (!key_file) {
    ASSIGN_OR_RETURN(std::unique_ptr<CertificateAuthority> authority, Create(run_name));
    RETURN_IF_ERROR(WriteAuthority(paths, authority->key_.get(), authority->CertificatePem()));
    return authority;
  }

  RETURN_IF_ERROR(CheckPrivate(key_file.get(), paths.key, "600"));
  ASSIGN_OR_RETURN(const SecretString pem, ReadKeyFile(key_file.get(), paths.key));
  absl::StatusOr<EvpPkeyPtr> key = P256KeyFromPem(pem);
  if (!key.ok()) return Annotate(key.status(), paths.key);
  ASSIGN_OR_RETURN(X509Ptr certificate, ReadCertificate(paths));
  RETURN_IF_ERROR(CheckCertificate(certificate.get(), key->get(), paths));
  return FromKeyAndCertificate(*std::move(key), std::move(certificate));
}

}  // namespace sallyport::ca

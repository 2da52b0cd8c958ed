#include "ca/bundle.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>

#include <fmt/core.h>

#include "base/file.h"
#include "base/log.h"
#include "base/status.h"

namespace sallyport::ca {
namespace {

constexpr size_t kMaxBundle = size_t{16} << 20;

// Where distributions keep the bundle: Debian, Ubuntu, Arch, Gentoo; Fedora and RHEL, new and old;
// openSUSE; Alpine.
constexpr std::array<const char*, 5> kBundlePlaces = {
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
};

const char* NonEmptyVariable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : nullptr;
}

bool CanWriteInto(const char* folder) {
  return faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) == 0;
}

absl::StatusOr<std::string> MakePrivateFolder() {
  const char* parent = NonEmptyVariable("XDG_RUNTIME_DIR");
  // A runtime folder that a login manager promised may be gone, as under su(1).
  if (parent == nullptr || !CanWriteInto(parent)) parent = NonEmptyVariable("TMPDIR");
  if (parent == nullptr) parent = "/tmp";
  std::string folder = fmt::format("{}/sallyport-ca.XXXXXX", parent);
  // mkdtemp(3) makes it with mode 0700.
  if (mkdtemp(folder.data()) == nullptr) {
    return ErrnoStatus(errno, fmt::format("cannot make a private folder in {}; --ca-dir names "
                                          "another place for the CA files",
                                          parent));
  }
  return folder;
}

absl::Status CheckFolder(const std::string& folder) {
  RETURN_IF_ERROR(EnsureCaFolder(folder));
  struct stat status;
  if (stat(folder.c_str(), &status) != 0) {
    return ErrnoStatus(errno, fmt::format("cannot use the CA folder {}", folder));
  }
  if (!S_ISDIR(status.st_mode)) {
    return absl::InvalidArgumentError(fmt::format("the CA folder {} is not a folder", folder));
  }
  if (!CanWriteInto(folder.c_str())) {
    return ErrnoStatus(errno, fmt::format("cannot write into the CA folder {}", folder));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status EnsureCaFolder(const std::string& folder) {
  if (mkdir(folder.c_str(), 0700) == 0 || errno == EEXIST) return absl::OkStatus();
  return ErrnoStatus(errno, fmt::format("cannot make the CA folder {0}; make it with: mkdir -p -m "
                                        "700 {0}, or name another with --ca-dir",
                                        folder));
}

absl::StatusOr<std::string> ReadSystemRoots() {
  std::string roots;
  for (const char* place : kBundlePlaces) {
    absl::StatusOr<std::string> read = ReadFile(place, kMaxBundle);
    if (!read.ok() && absl::IsNotFound(read.status())) continue;
    ASSIGN_OR_RETURN(roots, std::move(read));
    break;
  }
  if (const char* named = NonEmptyVariable("SSL_CERT_FILE"); named != nullptr) {
    const absl::StatusOr<std::string> own = ReadFile(named, kMaxBundle);
    if (!own.ok()) {
      return absl::Status(own.status().code(),
                          fmt::format("SSL_CERT_FILE: {}", Message(own.status())));
    }
    if (*own != roots) roots += *own;
  }
  if (!roots.empty()) return roots;
  return absl::NotFoundError(
      "this system has no bundle of root certificates; install ca-certificates, or name one in "
      "SSL_CERT_FILE");
}

CaFiles& CaFiles::operator=(CaFiles&& other) noexcept {
  if (this != &other) {
    RemoveOwnedFolder();
    ca_crt = std::move(other.ca_crt);
    ca_bundle_crt = std::move(other.ca_bundle_crt);
    owned_folder_ = std::exchange(other.owned_folder_, {});
  }
  return *this;
}

void CaFiles::RemoveOwnedFolder() {
  if (owned_folder_.empty()) return;
  unlink(ca_crt.c_str());
  unlink(ca_bundle_crt.c_str());
  if (rmdir(owned_folder_.c_str()) != 0 && errno != ENOENT) {
    log::Warn("ca", "could not remove the folder of the CA files", {{"folder", owned_folder_}});
  }
  owned_folder_.clear();
}

absl::StatusOr<CaFiles> WriteCaFiles(const std::string& dir_or_empty,
                                     const CertificateAuthority& authority) {
  ASSIGN_OR_RETURN(std::string bundle, ReadSystemRoots());
  CaFiles files;
  std::string folder = dir_or_empty;
  if (folder.empty()) {
    ASSIGN_OR_RETURN(folder, MakePrivateFolder());
    files.owned_folder_ = folder;
  } else {
    RETURN_IF_ERROR(CheckFolder(folder));
  }
  files.ca_crt = folder + "/ca.crt";
  files.ca_bundle_crt = folder + "/ca-bundle.crt";

  const std::string certificate = authority.CertificatePem();
  if (!bundle.empty() && bundle.back() != '\n') bundle.push_back('\n');
  bundle.append(certificate);
  RETURN_IF_ERROR(WriteFileAtomically(files.ca_crt, certificate, 0644));
  RETURN_IF_ERROR(WriteFileAtomically(files.ca_bundle_crt, bundle, 0644));
  return files;
}

}  // namespace sallyport::ca

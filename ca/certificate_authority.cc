#include "ca/certificate_authority.h"

#include <openssl/asn1.h>
#include <openssl/bn.h>
#include <openssl/pem.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>

#include <fmt/core.h>

#include "base/status.h"
#include "ca/extensions.h"
#include "ca/private_key.h"

namespace sallyport::ca {
namespace {

using std::chrono::seconds;
using std::chrono::system_clock;

constexpr std::chrono::minutes kStartsEarly{5};
// RFC 5280 §4.1.2.5 counts the last second in: from T to T + 24 h - 1 s is 24 hours.
constexpr seconds kLeafLifetime = std::chrono::hours{24} - seconds{1};
// Longer than any run. A persisted authority is replaced by hand well before.
constexpr std::chrono::days kAuthorityLifetime{3650};
// RFC 5280, appendix A: ub-common-name.
constexpr size_t kMaxCommonName = 64;
// RFC 1035 §2.3.4, without the root's dot.
constexpr size_t kMaxDnsName = 253;
constexpr long kX509Version3 = 2;

absl::Status SetRandomSerial(X509* certificate) {
  // All 128 bits are random; as an unsigned number it is positive, and BN leaves leading zeros away
  // as DER demands.
  std::array<uint8_t, 16> bytes;
  if (RAND_bytes(bytes.data(), bytes.size()) != 1) return OpenSslStatus("no randomness");
  const BnPtr number(BN_bin2bn(bytes.data(), bytes.size(), nullptr));
  if (!number || BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) == nullptr) {
    return OpenSslStatus("cannot set a certificate's serial number");
  }
  return absl::OkStatus();
}

absl::Status SetValidity(X509* certificate, WallTime from, WallTime to) {
  if (ASN1_TIME_set(X509_getm_notBefore(certificate), system_clock::to_time_t(from)) == nullptr ||
      ASN1_TIME_set(X509_getm_notAfter(certificate), system_clock::to_time_t(to)) == nullptr) {
    return OpenSslStatus("cannot set a certificate's validity");
  }
  return absl::OkStatus();
}

absl::Status AddCommonName(X509_NAME* name, std::string_view text) {
  if (X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                                 reinterpret_cast<const unsigned char*>(text.data()),
                                 static_cast<int>(text.size()), -1, 0) != 1) {
    return OpenSslStatus("cannot set a certificate's name");
  }
  return absl::OkStatus();
}

absl::Status AddExtension(X509* certificate, absl::StatusOr<X509ExtensionPtr> extension) {
  RETURN_IF_ERROR(extension.status());
  if (X509_add_ext(certificate, extension->get(), -1) != 1) {
    return OpenSslStatus("cannot add a certificate extension");
  }
  return absl::OkStatus();
}

absl::StatusOr<WallTime> ExpiryOf(const X509* certificate) {
  const Asn1TimePtr epoch(ASN1_TIME_set(nullptr, 0));
  int days = 0;
  int remainder = 0;
  if (!epoch ||
      ASN1_TIME_diff(&days, &remainder, epoch.get(), X509_get0_notAfter(certificate)) != 1) {
    return OpenSslStatus("cannot read a certificate's expiry");
  }
  return WallTime(std::chrono::days(days) + seconds(remainder));
}

std::string_view CutToCommonName(std::string_view text) {
  if (text.size() <= kMaxCommonName) return text;
  size_t end = kMaxCommonName;
  // Not within a UTF-8 sequence.
  while (end > 0 && (static_cast<uint8_t>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end);
}

absl::StatusOr<X509Ptr> SelfSign(EVP_PKEY* key, std::string_view run_name, WallTime now) {
  X509Ptr certificate(X509_new());
  if (!certificate || X509_set_version(certificate.get(), kX509Version3) != 1 ||
      X509_set_pubkey(certificate.get(), key) != 1) {
    return OpenSslStatus("cannot make the CA certificate");
  }
  RETURN_IF_ERROR(SetRandomSerial(certificate.get()));
  RETURN_IF_ERROR(SetValidity(certificate.get(), now - kStartsEarly, now + kAuthorityLifetime));
  RETURN_IF_ERROR(
      AddCommonName(X509_get_subject_name(certificate.get()), CutToCommonName(run_name)));
  if (X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate.get())) != 1) {
    return OpenSslStatus("cannot name the CA certificate's issuer");
  }
  ASSIGN_OR_RETURN(const KeyIdentifier identifier, IdentifierOf(key));
  RETURN_IF_ERROR(AddExtension(certificate.get(), AuthorityConstraints()));
  RETURN_IF_ERROR(AddExtension(certificate.get(), AuthorityKeyUsage()));
  RETURN_IF_ERROR(AddExtension(certificate.get(), SubjectKeyIdentifier(identifier)));
  RETURN_IF_ERROR(AddExtension(certificate.get(), AuthorityKeyIdentifier(identifier)));
  if (X509_sign(certificate.get(), key, EVP_sha256()) == 0) {
    return OpenSslStatus("cannot sign the CA certificate");
  }
  return certificate;
}

}  // namespace

// What every leaf shares, encoded once: building these anew would double the cost of a leaf.
struct CertificateAuthority::LeafTemplate {
  X509ExtensionPtr extensions[5];
};

CertificateAuthority::CertificateAuthority() = default;
CertificateAuthority::~CertificateAuthority() = default;

absl::StatusOr<std::unique_ptr<CertificateAuthority>> CertificateAuthority::Create(
    std::string_view run_name) {
  ASSIGN_OR_RETURN(EvpPkeyPtr key, GenerateP256Key());
  ASSIGN_OR_RETURN(X509Ptr certificate, SelfSign(key.get(), run_name, system_clock::now()));
  return FromKeyAndCertificate(std::move(key), std::move(certificate));
}

absl::StatusOr<std::unique_ptr<CertificateAuthority>> CertificateAuthority::FromKeyAndCertificate(
    EvpPkeyPtr key, X509Ptr certificate) {
  std::unique_ptr<CertificateAuthority> authority(new CertificateAuthority);
  ASSIGN_OR_RETURN(authority->expires_, ExpiryOf(certificate.get()));
  ASSIGN_OR_RETURN(authority->leaf_key_, GenerateP256Key());

  auto leaf = std::make_unique<LeafTemplate>();
  ASSIGN_OR_RETURN(const KeyIdentifier leaf_identifier, IdentifierOf(authority->leaf_key_.get()));
  const std::optional<KeyIdentifier> own_identifier = SubjectKeyIdentifierOf(certificate.get());
  if (!own_identifier) {
    return absl::InvalidArgumentError("the CA certificate has no subject key identifier");
  }
  ASSIGN_OR_RETURN(leaf->extensions[0], LeafConstraints());
  ASSIGN_OR_RETURN(leaf->extensions[1], LeafKeyUsage());
  ASSIGN_OR_RETURN(leaf->extensions[2], ServerAuthOnly());
  ASSIGN_OR_RETURN(leaf->extensions[3], SubjectKeyIdentifier(leaf_identifier));
  ASSIGN_OR_RETURN(leaf->extensions[4], AuthorityKeyIdentifier(*own_identifier));

  authority->template_ = std::move(leaf);
  authority->key_ = std::move(key);
  authority->certificate_ = std::move(certificate);
  return authority;
}

std::string CertificateAuthority::CertificatePem() const {
  BioPtr bio(BIO_new(BIO_s_mem()));
  char* bytes = nullptr;
  long size = 0;
  if (bio && PEM_write_bio_X509(bio.get(), certificate_.get()) == 1) {
    size = BIO_get_mem_data(bio.get(), &bytes);
  }
  return std::string(bytes, static_cast<size_t>(size));
}

absl::StatusOr<LeafCertificate> CertificateAuthority::Mint(std::string_view host,
                                                           const std::optional<IpAddress>& address,
                                                           WallTime now) const {
  const bool printable = std::all_of(host.begin(), host.end(), [](char c) {
    return static_cast<uint8_t>(c) > ' ' && static_cast<uint8_t>(c) < 0x7F;
  });
  if (host.empty() || host.size() > kMaxDnsName || !printable) {
    return absl::InvalidArgumentError("no certificate can name this host");
  }
  const WallTime expires = std::min(now - kStartsEarly + kLeafLifetime, expires_);
  if (expires <= now) {
    return absl::FailedPreconditionError(fmt::format(
        "the CA certificate expired at {}; start again for a new one", FormatRfc3339(expires_)));
  }

  X509Ptr certificate(X509_new());
  if (!certificate || X509_set_version(certificate.get(), kX509Version3) != 1 ||
      X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate_.get())) != 1 ||
      X509_set_pubkey(certificate.get(), leaf_key_.get()) != 1) {
    return OpenSslStatus("cannot make a leaf certificate");
  }
  RETURN_IF_ERROR(SetRandomSerial(certificate.get()));
  RETURN_IF_ERROR(SetValidity(certificate.get(), now - kStartsEarly, expires));
  // A name too long for a common name stands in the SAN alone, which then must be critical
  // (RFC 5280 §4.2.1.6).
  const bool has_subject = host.size() <= kMaxCommonName;
  if (has_subject) {
    RETURN_IF_ERROR(AddCommonName(X509_get_subject_name(certificate.get()), host));
  }
  RETURN_IF_ERROR(AddExtension(
      certificate.get(),
      SubjectAltName(host, address,
                     has_subject ? Criticality::kNotCritical : Criticality::kCritical)));
  for (const X509ExtensionPtr& extension : template_->extensions) {
    if (X509_add_ext(certificate.get(), extension.get(), -1) != 1) {
      return OpenSslStatus("cannot add a certificate extension");
    }
  }
  if (X509_sign(certificate.get(), key_.get(), EVP_sha256()) == 0) {
    return OpenSslStatus("cannot sign a leaf certificate");
  }
  return LeafCertificate{std::move(certificate), expires};
}

std::shared_ptr<const LeafCertificate> CertificateAuthority::KeepEncoded(
    std::shared_ptr<const LeafCertificate> leaf) {
  // A certificate that was read remembers the bytes it was read from.
  unsigned char* bytes = nullptr;
  const int size = i2d_X509(leaf->certificate.get(), &bytes);
  if (size <= 0) return leaf;
  const unsigned char* end = bytes;
  X509Ptr read(d2i_X509(nullptr, &end, size));
  OPENSSL_free(bytes);
  if (!read) return leaf;
  return std::make_shared<const LeafCertificate>(LeafCertificate{std::move(read), leaf->expires});
}

}  // namespace sallyport::ca

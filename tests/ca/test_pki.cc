#include "tests/ca/test_pki.h"

#include <openssl/pem.h>

#include <cstdlib>

#include <fmt/core.h>

#include "base/ip_address.h"
#include "base/status.h"
#include "ca/extensions.h"
#include "ca/private_key.h"

namespace sallyport::ca::testing {
namespace {

void Check(bool holds, const char* what) {
  if (holds) return;
  fmt::print(stderr, "test certificate: {}: {}\n", what, Message(OpenSslStatus("failed")));
  std::abort();
}

time_t After(std::chrono::seconds offset) {
  return std::chrono::system_clock::to_time_t(std::chrono::system_clock::now() + offset);
}

void SetName(X509_NAME* name, const std::string& text) {
  Check(X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()), -1, 0) == 1,
        "name");
}

X509ExtensionPtr AltNameExtension(const std::vector<std::string>& names) {
  GeneralNamesPtr all(GENERAL_NAMES_new());
  for (const std::string& text : names) {
    const bool is_address = text.starts_with("IP:");
    const std::string value = text.substr(text.find(':') + 1);
    GENERAL_NAME* name =
        a2i_GENERAL_NAME(nullptr, nullptr, nullptr, is_address ? GEN_IPADD : GEN_DNS,
                         const_cast<char*>(value.c_str()), 0);
    Check(name != nullptr && sk_GENERAL_NAME_push(all.get(), name) > 0, "alternative name");
  }
  return X509ExtensionPtr(X509V3_EXT_i2d(NID_subject_alt_name, 0, all.get()));
}

void Add(X509* certificate, absl::StatusOr<X509ExtensionPtr> extension) {
  Check(extension.ok() && *extension && X509_add_ext(certificate, extension->get(), -1) == 1,
        "extension");
}

template <typename Write>
std::string Pem(Write write) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  Check(write(bio.get()) == 1, "PEM");
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &bytes);
  return std::string(bytes, static_cast<size_t>(size));
}

}  // namespace

Identity Issue(const CertificateOptions& options, const Identity* issuer) {
  Identity identity;
  identity.key = *GenerateP256Key();
  identity.certificate.reset(X509_new());
  X509* certificate = identity.certificate.get();
  Check(X509_set_version(certificate, 2) == 1 &&
            X509_set_pubkey(certificate, identity.key.get()) == 1 &&
            ASN1_INTEGER_set(X509_get_serialNumber(certificate), options.serial) == 1,
        "certificate");
  ASN1_TIME_set(X509_getm_notBefore(certificate), After(options.starts));
  ASN1_TIME_set(X509_getm_notAfter(certificate), After(options.ends));
  SetName(X509_get_subject_name(certificate), options.common_name);
  X509* signer = issuer != nullptr ? issuer->certificate.get() : certificate;
  EVP_PKEY* signing_key = issuer != nullptr ? issuer->key.get() : identity.key.get();
  X509_set_issuer_name(certificate, X509_get_subject_name(signer));
  if (!options.alt_names.empty()) Add(certificate, AltNameExtension(options.alt_names));
  if (options.authority) {
    BasicConstraintsPtr constraints(BASIC_CONSTRAINTS_new());
    constraints->ca = 0xFF;
    Add(certificate, X509ExtensionPtr(X509V3_EXT_i2d(NID_basic_constraints, 1, constraints.get())));
    Add(certificate, AuthorityKeyUsage());
  } else {
    Add(certificate, LeafConstraints());
    Add(certificate, ServerAuthOnly());
  }
  Add(certificate, SubjectKeyIdentifier(*IdentifierOf(identity.key.get())));
  Add(certificate, AuthorityKeyIdentifier(*IdentifierOf(signing_key)));
  Check(X509_sign(certificate, signing_key, EVP_sha256()) > 0, "signature");
  return identity;
}

X509CrlPtr IssueCrl(const Identity& issuer, const std::vector<long>& serials,
                    std::chrono::seconds ends) {
  X509CrlPtr list(X509_CRL_new());
  const Asn1TimePtr from(ASN1_TIME_set(nullptr, After(std::chrono::hours(-2))));
  const Asn1TimePtr to(ASN1_TIME_set(nullptr, After(ends)));
  Check(X509_CRL_set_version(list.get(), 1) == 1 &&
            X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(issuer.certificate.get())) ==
                1 &&
            X509_CRL_set1_lastUpdate(list.get(), from.get()) == 1 &&
            X509_CRL_set1_nextUpdate(list.get(), to.get()) == 1,
        "revocation list");
  for (const long serial : serials) {
    const Asn1IntegerPtr number(ASN1_INTEGER_new());
    ASN1_INTEGER_set(number.get(), serial);
    X509_REVOKED* revoked = X509_REVOKED_new();
    Check(X509_REVOKED_set_serialNumber(revoked, number.get()) == 1 &&
              X509_REVOKED_set_revocationDate(revoked, from.get()) == 1 &&
              X509_CRL_add0_revoked(list.get(), revoked) == 1,
          "revoked entry");
  }
  Check(X509_CRL_sign(list.get(), issuer.key.get(), EVP_sha256()) > 0, "list's signature");
  return list;
}

std::string ToPem(X509* certificate) {
  return Pem([certificate](BIO* bio) { return PEM_write_bio_X509(bio, certificate); });
}

std::string ToPem(X509_CRL* list) {
  return Pem([list](BIO* bio) { return PEM_write_bio_X509_CRL(bio, list); });
}

std::string AltNames(X509* certificate) {
  const int index = X509_get_ext_by_NID(certificate, NID_subject_alt_name, -1);
  if (index < 0) return {};
  return Pem(
      [&](BIO* bio) { return X509V3_EXT_print(bio, X509_get_ext(certificate, index), 0, 0); });
}

}  // namespace sallyport::ca::testing

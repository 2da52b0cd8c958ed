#include "ca/extensions.h"

#include <openssl/obj_mac.h>
#include <openssl/objects.h>

#include <algorithm>

#include "base/status.h"

namespace sallyport::ca {
namespace {

// RFC 5280 §4.2.1.3 numbers the bits.
constexpr int kDigitalSignature = 0;
constexpr int kKeyCertSign = 5;
constexpr int kCrlSign = 6;
// OpenSSL writes a BOOLEAN's value as it stands, and DER has but one for true (X.690 §11.1).
constexpr int kDerTrue = 0xFF;

absl::StatusOr<X509ExtensionPtr> Encode(int nid, Criticality criticality, void* value) {
  X509ExtensionPtr extension(X509V3_EXT_i2d(nid, static_cast<int>(criticality), value));
  if (!extension) return OpenSslStatus("cannot encode a certificate extension");
  return extension;
}

absl::Status OutOfMemory() { return OpenSslStatus("cannot make a certificate extension"); }

absl::StatusOr<Asn1OctetStringPtr> OctetString(std::span<const uint8_t> bytes) {
  Asn1OctetStringPtr string(ASN1_OCTET_STRING_new());
  if (!string ||
      ASN1_OCTET_STRING_set(string.get(), bytes.data(), static_cast<int>(bytes.size())) != 1) {
    return OutOfMemory();
  }
  return string;
}

absl::StatusOr<X509ExtensionPtr> KeyUsage(std::initializer_list<int> bits) {
  Asn1BitStringPtr usage(ASN1_BIT_STRING_new());
  if (!usage) return OutOfMemory();
  for (const int bit : bits) {
    if (ASN1_BIT_STRING_set_bit(usage.get(), bit, 1) != 1) return OutOfMemory();
  }
  return Encode(NID_key_usage, Criticality::kCritical, usage.get());
}

}  // namespace

absl::StatusOr<KeyIdentifier> IdentifierOf(EVP_PKEY* key) {
  X509Ptr carrier(X509_new());
  std::array<uint8_t, EVP_MAX_MD_SIZE> digest;
  unsigned int size = 0;
  if (!carrier || X509_set_pubkey(carrier.get(), key) != 1 ||
      X509_pubkey_digest(carrier.get(), EVP_sha256(), digest.data(), &size) != 1) {
    return OpenSslStatus("cannot digest a public key");
  }
  KeyIdentifier identifier;
  std::copy_n(digest.begin(), identifier.size(), identifier.begin());
  return identifier;
}

std::optional<KeyIdentifier> SubjectKeyIdentifierOf(X509* certificate) {
  const ASN1_OCTET_STRING* carried = X509_get0_subject_key_id(certificate);
  KeyIdentifier identifier;
  if (carried == nullptr || ASN1_STRING_length(carried) != static_cast<int>(identifier.size())) {
    return std::nullopt;
  }
  std::copy_n(ASN1_STRING_get0_data(carried), identifier.size(), identifier.begin());
  return identifier;
}

absl::StatusOr<X509ExtensionPtr> AuthorityConstraints() {
  BasicConstraintsPtr constraints(BASIC_CONSTRAINTS_new());
  if (!constraints) return OutOfMemory();
  constraints->ca = kDerTrue;
  constraints->pathlen = ASN1_INTEGER_new();
  if (constraints->pathlen == nullptr || ASN1_INTEGER_set(constraints->pathlen, 0) != 1) {
    return OutOfMemory();
  }
  return Encode(NID_basic_constraints, Criticality::kCritical, constraints.get());
}

absl::StatusOr<X509ExtensionPtr> LeafConstraints() {
  BasicConstraintsPtr constraints(BASIC_CONSTRAINTS_new());
  if (!constraints) return OutOfMemory();
  return Encode(NID_basic_constraints, Criticality::kCritical, constraints.get());
}

absl::StatusOr<X509ExtensionPtr> AuthorityKeyUsage() { return KeyUsage({kKeyCertSign, kCrlSign}); }

absl::StatusOr<X509ExtensionPtr> LeafKeyUsage() { return KeyUsage({kDigitalSignature}); }

absl::StatusOr<X509ExtensionPtr> ServerAuthOnly() {
  ExtendedKeyUsagePtr usage(EXTENDED_KEY_USAGE_new());
  // A built-in object: freeing it, as the stack does, does nothing.
  ASN1_OBJECT* server_auth = OBJ_nid2obj(NID_server_auth);
  if (!usage || server_auth == nullptr || sk_ASN1_OBJECT_push(usage.get(), server_auth) == 0) {
    return OutOfMemory();
  }
  return Encode(NID_ext_key_usage, Criticality::kNotCritical, usage.get());
}

absl::StatusOr<X509ExtensionPtr> SubjectKeyIdentifier(const KeyIdentifier& identifier) {
  ASSIGN_OR_RETURN(const Asn1OctetStringPtr string, OctetString(identifier));
  return Encode(NID_subject_key_identifier, Criticality::kNotCritical, string.get());
}

absl::StatusOr<X509ExtensionPtr> AuthorityKeyIdentifier(const KeyIdentifier& identifier) {
  AuthorityKeyIdPtr value(AUTHORITY_KEYID_new());
  if (!value) return OutOfMemory();
  ASSIGN_OR_RETURN(Asn1OctetStringPtr string, OctetString(identifier));
  value->keyid = string.release();
  return Encode(NID_authority_key_identifier, Criticality::kNotCritical, value.get());
}

absl::StatusOr<X509ExtensionPtr> SubjectAltName(std::string_view host,
                                                const std::optional<IpAddress>& address,
                                                Criticality criticality) {
  GeneralNamesPtr names(GENERAL_NAMES_new());
  GeneralNamePtr name(GENERAL_NAME_new());
  Asn1OctetStringPtr text(ASN1_STRING_type_new(address ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING));
  if (!names || !name || !text) return OutOfMemory();
  const int set = address ? ASN1_STRING_set(text.get(), address->bytes().data(),
                                            static_cast<int>(address->bytes().size()))
                          : ASN1_STRING_set(text.get(), host.data(), static_cast<int>(host.size()));
  if (set != 1) return OutOfMemory();
  GENERAL_NAME_set0_value(name.get(), address ? GEN_IPADD : GEN_DNS, text.release());
  if (sk_GENERAL_NAME_push(names.get(), name.get()) == 0) return OutOfMemory();
  (void)name.release();
  return Encode(NID_subject_alt_name, criticality, names.get());
}

}  // namespace sallyport::ca

#include "ca/java_trust_store.h"

#include <fmt/core.h>
#include <cstdint>
#include <initializer_list>

#include "ca/pem.h"

namespace sallyport::ca {
namespace {

// The DER (X.690) is put together here: BoringSSL makes no PKCS#12 with attributes of the caller's,
// and OpenSSL and BoringSSL share no interface for it.
constexpr uint8_t kOctetString = 0x04;
constexpr uint8_t kBmpString = 0x1e;
constexpr uint8_t kSequence = 0x30;
constexpr uint8_t kSet = 0x31;
constexpr uint8_t kExplicit0 = 0xa0;

// Object identifiers and the version, whole elements.
constexpr std::string_view kVersion3 = "\x02\x01\x03";
// pkcs7-data, 1.2.840.113549.1.7.1
constexpr std::string_view kData = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01";
// pkcs12 certBag, 1.2.840.113549.1.12.10.1.3
constexpr std::string_view kCertBag = "\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01\x03";
// x509Certificate, 1.2.840.113549.1.9.22.1
constexpr std::string_view kX509Certificate = "\x06\x0a\x2a\x86\x48\x86\xf7\x0d\x01\x09\x16\x01";
// friendlyName, 1.2.840.113549.1.9.20
constexpr std::string_view kFriendlyName = "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x14";
// Oracle's trustedKeyUsage, 2.16.840.1.113894.746875.1.1
constexpr std::string_view kTrustedKeyUsage =
    "\x06\x0c\x60\x86\x48\x01\x86\xf9\x66\xad\xca\x7b\x01\x01";
// anyExtendedKeyUsage, 2.5.29.37.0
constexpr std::string_view kAnyUsage("\x06\x04\x55\x1d\x25\x00", 6);

// One element of the given tag around `parts`.
std::string Element(uint8_t tag, std::initializer_list<std::string_view> parts) {
  size_t size = 0;
  for (std::string_view part : parts) size += part.size();
  std::string element(1, static_cast<char>(tag));
  if (size < 0x80) {
    element.push_back(static_cast<char>(size));
  } else {
    std::string length;
    for (size_t rest = size; rest > 0; rest >>= 8) {
      length.insert(length.begin(), static_cast<char>(rest & 0xff));
    }
    element.push_back(static_cast<char>(0x80 | length.size()));
    element.append(length);
  }
  element.reserve(element.size() + size);
  for (std::string_view part : parts) element.append(part);
  return element;
}

// ContentInfo of type data around `content`.
std::string DataContent(std::string_view content) {
  return Element(kSequence, {kData, Element(kExplicit0, {Element(kOctetString, {content})})});
}

// A SafeBag with one certificate. Java keeps one entry an alias, so each needs its own.
std::string CertificateBag(std::string_view certificate, size_t number) {
  std::string alias;  // UTF-16
  for (char c : fmt::format("trusted-{}", number)) alias.append(1, '\0').push_back(c);
  const std::string bag = Element(
      kSequence, {kX509Certificate, Element(kExplicit0, {Element(kOctetString, {certificate})})});
  const std::string usage = Element(kSequence, {kTrustedKeyUsage, Element(kSet, {kAnyUsage})});
  const std::string name =
      Element(kSequence, {kFriendlyName, Element(kSet, {Element(kBmpString, {alias})})});
  // DER orders the members of a set; the shorter comes first.
  const std::string attributes = Element(kSet, {usage, name});
  return Element(kSequence, {kCertBag, Element(kExplicit0, {bag}), attributes});
}

}  // namespace

absl::StatusOr<std::string> MakeJavaTrustStore(std::string_view pem_bundle) {
  std::string bags;
  size_t count = 0;
  ForEachCertificate(pem_bundle, [&](std::string_view certificate) {
    bags.append(CertificateBag(certificate, ++count));
  });
  if (count == 0) return absl::InvalidArgumentError("the bundle holds no certificate");
  const std::string safe_contents = DataContent(Element(kSequence, {bags}));
  const std::string authenticated_safe = Element(kSequence, {safe_contents});
  return Element(kSequence, {kVersion3, DataContent(authenticated_safe)});
}

}  // namespace sallyport::ca

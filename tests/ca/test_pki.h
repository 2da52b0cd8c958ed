#ifndef SALLYPORT_TESTS_CA_TEST_PKI_H_
#define SALLYPORT_TESTS_CA_TEST_PKI_H_

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "ca/openssl.h"

// A certificate hierarchy for tests of verification: everything that a real authority would refuse
// to issue can be made here. Failures end the program.
namespace sallyport::ca::testing {

struct Identity {
  X509Ptr certificate;
  EvpPkeyPtr key;
};

struct CertificateOptions {
  std::string common_name = "test";
  // In OpenSSL's notation: "DNS:a.test", "IP:127.0.0.1".
  std::vector<std::string> alt_names = {};
  bool authority = false;
  // Relative to now.
  std::chrono::seconds starts{-3600};
  std::chrono::seconds ends{3600};
  long serial = 1;
};

// Self-signed when `issuer` is null.
Identity Issue(const CertificateOptions& options, const Identity* issuer = nullptr);

// A revocation list for the given serial numbers, signed by `issuer`.
X509CrlPtr IssueCrl(const Identity& issuer, const std::vector<long>& serials,
                    std::chrono::seconds ends = std::chrono::hours(1));

std::string ToPem(X509* certificate);
std::string ToPem(X509_CRL* list);

// The subject alternative names in OpenSSL's notation, "DNS:a.test, IP Address:127.0.0.1".
std::string AltNames(X509* certificate);

}  // namespace sallyport::ca::testing

#endif  // SALLYPORT_TESTS_CA_TEST_PKI_H_

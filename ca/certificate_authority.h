#ifndef SALLYPORT_CA_CERTIFICATE_AUTHORITY_H_
#define SALLYPORT_CA_CERTIFICATE_AUTHORITY_H_

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/ip_address.h"
#include "ca/openssl.h"

namespace sallyport::ca {

// A certificate for one host, to be presented with CertificateAuthority::leaf_key(). Never changed
// once made, so it is shared between threads freely.
struct LeafCertificate {
  X509Ptr certificate;
  WallTime expires;
};

// The authority of one run: an ECDSA P-256 key and its self-signed certificate of path length 0
// (RFC 5280 §4.2.1.9), and one further key that all leaves share. Immutable; thread-safe.
//
// Leaves are trusted by whoever trusts this run's `ca.crt`, so the keys stay in memory: only
// LoadOrCreate() writes the authority's own, and nothing ever writes the leaves'.
class CertificateAuthority {
 public:
  // A new authority; `run_name` becomes its common name, cut to the 64 characters one may have.
  static absl::StatusOr<std::unique_ptr<CertificateAuthority>> Create(std::string_view run_name);

  // The authority kept in `dir` as `ca.key` and `ca.crt`; where there is no `ca.key`, makes both.
  // Two processes that start at once agree on one. Refuses a folder or key that anyone but its
  // owner can open, a key and a certificate that do not belong together, and a certificate that has
  // expired, is not valid yet or is no authority's; the message says what to do.
  static absl::StatusOr<std::unique_ptr<CertificateAuthority>> LoadOrCreate(
      const std::string& dir, std::string_view run_name);

  ~CertificateAuthority();
  CertificateAuthority(const CertificateAuthority&) = delete;
  CertificateAuthority& operator=(const CertificateAuthority&) = delete;

  X509* certificate() const { return certificate_.get(); }
  std::string CertificatePem() const;
  WallTime expires() const { return expires_; }

  // The key of every leaf.
  EVP_PKEY* leaf_key() const { return leaf_key_.get(); }

  // A certificate for exactly one host: its IP address where `address` is set, otherwise the DNS
  // name `host` in canonical form (ASCII, A-labels). It starts five minutes before `now`, for
  // clocks that run late, lasts 24 hours in all and never longer than the authority.
  absl::StatusOr<LeafCertificate> Mint(std::string_view host,
                                       const std::optional<IpAddress>& address,
                                       WallTime now = std::chrono::system_clock::now()) const;

  // The same certificate in a form that is sent without being encoded again, which would take 5 %
  // of a handshake. Making it costs more than the minting (80 µs): worth it for a host that is
  // asked for again. `leaf` itself where that fails.
  static std::shared_ptr<const LeafCertificate> KeepEncoded(
      std::shared_ptr<const LeafCertificate> leaf);

 private:
  struct LeafTemplate;

  CertificateAuthority();

  static absl::StatusOr<std::unique_ptr<CertificateAuthority>> FromKeyAndCertificate(
      EvpPkeyPtr key, X509Ptr certificate);

  EvpPkeyPtr key_;
  X509Ptr certificate_;
  WallTime expires_;
  EvpPkeyPtr leaf_key_;
  std::unique_ptr<const LeafTemplate> template_;
};

}  // namespace sallyport::ca

#endif  // SALLYPORT_CA_CERTIFICATE_AUTHORITY_H_

#ifndef SALLYPORT_CA_LEAF_CACHE_H_
#define SALLYPORT_CA_LEAF_CACHE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "base/clock.h"
#include "base/ip_address.h"
#include "ca/certificate_authority.h"

namespace sallyport::ca {

// The leaves minted so far, least recently used out first. Thread-safe. A host is minted by one
// thread at a time; the others that ask for it meanwhile wait for that one leaf (about 50 µs), so
// blocking here is fit for an event loop. Minting holds no lock: other hosts are not held up.
class LeafCache {
 public:
  // At about 2 KiB a leaf, 8 MiB.
  static constexpr size_t kDefaultCapacity = 4096;
  // A leaf with less than this to live is replaced, so that a client which has just received one
  // can count on it for a while. Must be well under the leaf's 24 hours.
  static constexpr std::chrono::minutes kRenewBefore{60};

  using Clock = std::function<WallTime()>;

  // `authority` must outlive the cache. `capacity` is at least 1. `clock` must be thread-safe.
  explicit LeafCache(const CertificateAuthority* authority, size_t capacity = kDefaultCapacity,
                     Clock clock = std::chrono::system_clock::now);
  LeafCache(const LeafCache&) = delete;
  LeafCache& operator=(const LeafCache&) = delete;
  ~LeafCache();

  // The leaf for a host in canonical form; `address` is set exactly when the host is an address
  // literal. Errors are Mint()'s and are not cached.
  absl::StatusOr<std::shared_ptr<const LeafCertificate>> Get(
      std::string_view canonical_host, const std::optional<IpAddress>& address);

  uint64_t minted() const;
  size_t size() const;

 private:
  using Leaf = std::shared_ptr<const LeafCertificate>;
  struct Entry {
    std::string host;
    Leaf leaf;
    WallTime renew_at;
    bool encoded = false;  // CertificateAuthority::KeepEncoded() has been called for it
  };
  // One thread's minting, and those that wait for it.
  struct Flight {
    absl::StatusOr<Leaf> result;
    bool landed = false;
  };

  absl::StatusOr<Leaf> Mint(std::string_view host, const std::optional<IpAddress>& address,
                            WallTime now) ABSL_LOCKS_EXCLUDED(mutex_);
  // The second time a host is asked for.
  Leaf Encode(std::string_view host, const Leaf& leaf) ABSL_LOCKS_EXCLUDED(mutex_);
  void Keep(std::string_view host, const Leaf& leaf, WallTime now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const CertificateAuthority* const authority_;
  const size_t capacity_;
  const Clock clock_;

  mutable absl::Mutex mutex_;
  absl::CondVar landed_;
  // Most recently used first.
  std::list<Entry> entries_ ABSL_GUARDED_BY(mutex_);
  // Keys are views of Entry::host.
  absl::flat_hash_map<absl::string_view, std::list<Entry>::iterator> by_host_
      ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, std::shared_ptr<Flight>> flights_ ABSL_GUARDED_BY(mutex_);
  uint64_t minted_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace sallyport::ca

#endif  // SALLYPORT_CA_LEAF_CACHE_H_

#include "ca/leaf_cache.h"

#include <algorithm>
#include <utility>

#include "base/status.h"

namespace sallyport::ca {
namespace {

// Debian's Abseil has its own string_view, which its hash tables look up by.
absl::string_view AsKey(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

LeafCache::LeafCache(const CertificateAuthority* authority, size_t capacity, Clock clock)
    : authority_(authority), capacity_(std::max<size_t>(capacity, 1)), clock_(std::move(clock)) {}

LeafCache::~LeafCache() = default;

absl::StatusOr<std::shared_ptr<const LeafCertificate>> LeafCache::Get(
    std::string_view canonical_host, const std::optional<IpAddress>& address) {
  const WallTime now = clock_();
  Leaf asked_again;
  std::shared_ptr<Flight> flight;
  {
    absl::MutexLock lock(&mutex_);
    if (const auto known = by_host_.find(AsKey(canonical_host)); known != by_host_.end()) {
      entries_.splice(entries_.begin(), entries_, known->second);
      if (now < known->second->renew_at) {
        asked_again = known->second->leaf;
        if (std::exchange(known->second->encoded, true)) return asked_again;
      }
    }
    if (asked_again == nullptr) {
      std::shared_ptr<Flight>& slot = flights_[AsKey(canonical_host)];
      if (slot != nullptr) {
        flight = slot;
        while (!flight->landed) landed_.Wait(&mutex_);
        return flight->result;
      }
      slot = flight = std::make_shared<Flight>();
    }
  }
  if (asked_again != nullptr) return Encode(canonical_host, asked_again);

  absl::StatusOr<Leaf> result = Mint(canonical_host, address, now);

  absl::MutexLock lock(&mutex_);
  if (result.ok()) {
    ++minted_;
    Keep(canonical_host, *result, now);
  }
  flight->result = result;
  flight->landed = true;
  flights_.erase(AsKey(canonical_host));
  landed_.SignalAll();
  return result;
}

LeafCache::Leaf LeafCache::Encode(std::string_view host, const Leaf& leaf) {
  Leaf encoded = CertificateAuthority::KeepEncoded(leaf);
  absl::MutexLock lock(&mutex_);
  const auto known = by_host_.find(AsKey(host));
  if (known != by_host_.end() && known->second->leaf == leaf) known->second->leaf = encoded;
  return encoded;
}

absl::StatusOr<LeafCache::Leaf> LeafCache::Mint(std::string_view host,
                                                const std::optional<IpAddress>& address,
                                                WallTime now) {
  ASSIGN_OR_RETURN(LeafCertificate leaf, authority_->Mint(host, address, now));
  return std::make_shared<const LeafCertificate>(std::move(leaf));
}

void LeafCache::Keep(std::string_view host, const Leaf& leaf, WallTime now) {
  // Near the authority's own end every leaf is short-lived: a quarter of what is left keeps such a
  // leaf from being minted again for every connection.
  const WallTime::duration margin =
      std::min<WallTime::duration>(kRenewBefore, (leaf->expires - now) / 4);
  const WallTime renew_at = leaf->expires - margin;
  if (const auto known = by_host_.find(AsKey(host)); known != by_host_.end()) {
    known->second->leaf = leaf;
    known->second->renew_at = renew_at;
    known->second->encoded = false;
    return;
  }
  if (entries_.size() >= capacity_) {
    by_host_.erase(AsKey(entries_.back().host));
    entries_.pop_back();
  }
  entries_.push_front(Entry{std::string(host), leaf, renew_at});
  by_host_.emplace(AsKey(entries_.front().host), entries_.begin());
}

uint64_t LeafCache::minted() const {
  absl::MutexLock lock(&mutex_);
  return minted_;
}

size_t LeafCache::size() const {
  absl::MutexLock lock(&mutex_);
  return entries_.size();
}

}  // namespace sallyport::ca

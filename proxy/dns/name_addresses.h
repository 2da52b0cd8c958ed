#ifndef SALLYPORT_PROXY_DNS_NAME_ADDRESSES_H_
#define SALLYPORT_PROXY_DNS_NAME_ADDRESSES_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/ip_address.h"

namespace sallyport::dns {

// Addresses that stand for names: a name that is asked for gets one of 198.18.0.0/15 (RFC 2544) and
// one of fd00::/8 (RFC 4193), and whoever then connects to either is taken to mean the name. At
// most `capacity` names are kept; beyond that the one that was not asked for longest loses its
// addresses. Thread-safe.
class NameAddresses {
 public:
  // 16384 names of at most 253 bytes are a few megabytes, and more than a program looks up in the
  // time for which it keeps an answer.
  static constexpr size_t kDefaultCapacity = 16384;

  // `capacity`: 1 to 131070, the addresses of a /15 without its first and last.
  explicit NameAddresses(size_t capacity = kDefaultCapacity);
  NameAddresses(const NameAddresses&) = delete;
  NameAddresses& operator=(const NameAddresses&) = delete;

  struct Addresses {
    IpAddress v4;
    IpAddress v6;
  };
  // `name` in canonical form.
  Addresses AddressesOf(std::string_view name);

  // The name that `address` stands for at this moment.
  std::optional<std::string> NameOf(const IpAddress& address) const;

  // Whether `address` is one of those that stand for names, now or at another time.
  static bool IsSynthetic(const IpAddress& address);

 private:
  struct Entry {
    std::string name;
    uint32_t slot = 0;
  };

  const size_t capacity_;
  mutable absl::Mutex mutex_;
  // The last one asked for first.
  std::list<Entry> entries_ ABSL_GUARDED_BY(mutex_);
  // Keys are the entries' own names.
  std::unordered_map<std::string_view, std::list<Entry>::iterator> by_name_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::list<Entry>::iterator> by_slot_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sallyport::dns

#endif  // SALLYPORT_PROXY_DNS_NAME_ADDRESSES_H_

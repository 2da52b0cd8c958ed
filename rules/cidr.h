#ifndef SALLYPORT_RULES_CIDR_H_
#define SALLYPORT_RULES_CIDR_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "base/ip_address.h"

namespace sallyport::rules {

// `address` with everything after its first `prefix` bits zero.
IpAddress Masked(const IpAddress& address, uint8_t prefix);

// A range of addresses that share their first `prefix` bits; the other bits of `base` are zero.
struct Cidr {
  IpAddress base;
  uint8_t prefix = 0;

  // "192.0.2.0/24", "2001:db8::/32"; an address alone is the range of itself. Ranges within
  // ::ffff:0:0/96 become the IPv4 range they stand for. Bits beyond the prefix are cleared, and
  // `had_host_bits` (where given) told so.
  static absl::StatusOr<Cidr> Parse(std::string_view text, bool* had_host_bits = nullptr);

  bool Contains(const IpAddress& address) const;
  bool Contains(const Cidr& other) const { return prefix <= other.prefix && Contains(other.base); }
  bool IsSingleAddress() const { return prefix == 8 * base.bytes().size(); }
  std::string ToString() const;

  friend bool operator==(const Cidr&, const Cidr&) = default;
};

// Finds the ranges that hold an address, in time that grows with the number of different prefix
// lengths (at most 162), not of ranges. Immutable once filled.
class CidrTable {
 public:
  // `id` is the caller's; equal ranges may be added with several.
  void Add(const Cidr& range, uint32_t id);

  // Calls `visit(id, prefix)` for every range that holds `address`, narrowest first. Allocates
  // nothing.
  template <typename Visitor>
  void ForEachMatch(const IpAddress& address, Visitor&& visit) const {
    for (const Level& level : levels_) {
      if (level.v4 != address.is_v4()) continue;
      const auto it = level.ranges.find(Key(Masked(address, level.prefix)));
      if (it == level.ranges.end()) continue;
      for (const uint32_t id : it->second) visit(id, level.prefix);
    }
  }

  // The first added of the narrowest ranges that hold `address`.
  std::optional<uint32_t> FindNarrowest(const IpAddress& address) const;

  bool empty() const { return levels_.empty(); }

 private:
  using Base = std::array<uint8_t, 16>;
  // The ranges of one family and prefix length, by their base address.
  struct Level {
    bool v4 = false;
    uint8_t prefix = 0;
    absl::flat_hash_map<Base, absl::InlinedVector<uint32_t, 1>> ranges;
  };

  static Base Key(const IpAddress& masked);

  // Longest prefix first.
  std::vector<Level> levels_;
};

}  // namespace sallyport::rules

#endif  // SALLYPORT_RULES_CIDR_H_

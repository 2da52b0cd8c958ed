#ifndef SALLYPORT_RULES_CIDR_H_
#define SALLYPORT_RULES_CIDR_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
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
    const Bits bits = ToBits(address);
    for (const Level& level : address.is_v4() ? v4_ : v6_) {
      const auto it = level.ranges.find({bits.high & level.mask.high, bits.low & level.mask.low});
      if (it == level.ranges.end()) continue;
      for (const uint32_t id : it->second) visit(id, level.prefix);
    }
  }

  // The first added of the narrowest ranges that hold `address`.
  std::optional<uint32_t> FindNarrowest(const IpAddress& address) const;

 private:
  // An address as two numbers; IPv4 in the highest 32 bits.
  struct Bits {
    uint64_t high = 0;
    uint64_t low = 0;

    friend bool operator==(const Bits&, const Bits&) = default;
    template <typename H>
    friend H AbslHashValue(H h, const Bits& bits) {
      return H::combine(std::move(h), bits.high, bits.low);
    }
  };
  // The ranges of one prefix length, by their base address.
  struct Level {
    uint8_t prefix = 0;
    Bits mask;
    absl::flat_hash_map<Bits, absl::InlinedVector<uint32_t, 1>> ranges;
  };

  static Bits ToBits(const IpAddress& address) {
    Bits bits;
    const std::span<const uint8_t> bytes = address.bytes();
    for (size_t i = 0; i < bytes.size(); ++i) {
      (i < 8 ? bits.high : bits.low) |= uint64_t{bytes[i]} << (56 - 8 * (i % 8));
    }
    return bits;
  }
  static Bits Mask(uint8_t prefix);

  // Longest prefix first.
  std::vector<Level> v4_;
  std::vector<Level> v6_;
};

}  // namespace sallyport::rules

#endif  // SALLYPORT_RULES_CIDR_H_

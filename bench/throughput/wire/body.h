#ifndef SALLYPORT_BENCH_THROUGHPUT_WIRE_BODY_H_
#define SALLYPORT_BENCH_THROUGHPUT_WIRE_BODY_H_

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace sallyport::bench {

// Every body, either way, is a piece of one endless pattern, so that a byte that is lost, doubled
// or out of order is noticed for the price of a memcmp(3).
inline constexpr size_t kBodyPeriod = 4093;  // a prime: no buffer size is a multiple of it
inline constexpr size_t kBodyWindow = 64 * 1024;

namespace internal {
inline const std::string& Pattern() {
  static const std::string pattern = [] {
    std::string bytes(kBodyPeriod + kBodyWindow, '\0');
    for (size_t i = 0; i < bytes.size(); ++i) {
      const size_t place = i % kBodyPeriod;
      bytes[i] = static_cast<char>('a' + (place * place + place / 26) % 26);
    }
    return bytes;
  }();
  return pattern;
}
}  // namespace internal

// The next bytes of a body from `offset` on: `remaining` of them, at most kBodyWindow.
inline std::string_view BodyBytes(uint64_t offset, uint64_t remaining) {
  return std::string_view(internal::Pattern())
      .substr(offset % kBodyPeriod, std::min<uint64_t>(remaining, kBodyWindow));
}

// Whether `bytes` is what a body has at `offset`.
inline bool IsBodyAt(uint64_t offset, std::string_view bytes) {
  while (!bytes.empty()) {
    const std::string_view expected = BodyBytes(offset, bytes.size());
    if (!bytes.starts_with(expected)) return false;
    bytes.remove_prefix(expected.size());
    offset += expected.size();
  }
  return true;
}

}  // namespace sallyport::bench

#endif  // SALLYPORT_BENCH_THROUGHPUT_WIRE_BODY_H_

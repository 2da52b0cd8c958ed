#ifndef SALLYPORT_BENCH_THROUGHPUT_WIRE_HEAD_H_
#define SALLYPORT_BENCH_THROUGHPUT_WIRE_HEAD_H_

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

namespace sallyport::bench {

// HTTP/1.1 heads between programs that were written for each other, with a proxy between them.

// The length of the head that `bytes` begins with, its empty line included; 0 while it is
// incomplete.
inline size_t HeadLength(std::string_view bytes) {
  const size_t end = bytes.find("\r\n\r\n");
  return end == std::string_view::npos ? 0 : end + 4;
}

// The one value of `name` (in lower case) in a head; nullopt when there is none, or more than one.
std::optional<std::string_view> FieldValue(std::string_view head, std::string_view name);

// A decimal number; nullopt for anything else.
inline std::optional<uint64_t> Decimal(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace sallyport::bench

#endif  // SALLYPORT_BENCH_THROUGHPUT_WIRE_HEAD_H_

#include "bench/throughput/wire/head.h"

namespace sallyport::bench {
namespace {

bool IsName(std::string_view spelled, std::string_view lower_case) {
  if (spelled.size() != lower_case.size()) return false;
  for (size_t i = 0; i < spelled.size(); ++i) {
    const char c = spelled[i];
    if ((c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c) != lower_case[i]) return false;
  }
  return true;
}

}  // namespace

std::optional<std::string_view> FieldValue(std::string_view head, std::string_view name) {
  std::optional<std::string_view> found;
  size_t line_end = head.find("\r\n");
  while (line_end + 2 < head.size()) {
    const size_t begin = line_end + 2;
    line_end = head.find("\r\n", begin);
    if (line_end == std::string_view::npos) break;
    const std::string_view line = head.substr(begin, line_end - begin);
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos || !IsName(line.substr(0, colon), name)) continue;
    if (found) return std::nullopt;
    const size_t value = line.find_first_not_of(" \t", colon + 1);
    found = value == std::string_view::npos ? std::string_view() : line.substr(value);
  }
  return found;
}

}  // namespace sallyport::bench

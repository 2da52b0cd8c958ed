#include "rules/credential_rule.h"

#include <algorithm>

#include "base/hex.h"
#include "rules/glob.h"

namespace sallyport::rules {
namespace {

bool IsUnreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

// RFC 3986 §3.3: what may stand in a segment unescaped.
bool IsPathByte(char c) {
  return IsUnreserved(c) || std::string_view("!$&'()*+,;=:@").find(c) != std::string_view::npos;
}

void AppendEscape(uint8_t byte, std::string* out) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  out->push_back('%');
  out->push_back(kHex[byte >> 4]);
  out->push_back(kHex[byte & 15]);
}

// Appends `segment` with its escapes in their one normal form; false where one is malformed.
bool AppendSegment(std::string_view segment, std::string* out) {
  for (size_t i = 0; i < segment.size(); ++i) {
    const char c = segment[i];
    if (c != '%') {
      // Bytes that had to be escaped and were not.
      IsPathByte(c) ? out->push_back(c) : AppendEscape(static_cast<uint8_t>(c), out);
      continue;
    }
    const int high = i + 2 < segment.size() ? HexDigit(segment[i + 1]) : -1;
    const int low = i + 2 < segment.size() ? HexDigit(segment[i + 2]) : -1;
    if (high < 0 || low < 0) return false;
    const auto byte = static_cast<uint8_t>(high * 16 + low);
    IsUnreserved(static_cast<char>(byte)) ? out->push_back(static_cast<char>(byte))
                                          : AppendEscape(byte, out);
    i += 2;
  }
  return true;
}

// Whether AppendSegment would append `segment` itself.
bool IsNormalSegment(std::string_view segment) {
  for (size_t i = 0; i < segment.size(); ++i) {
    if (segment[i] != '%') {
      if (!IsPathByte(segment[i])) return false;
      continue;
    }
    if (i + 2 >= segment.size()) return false;
    const int high = HexDigit(segment[i + 1]);
    const int low = HexDigit(segment[i + 2]);
    const bool lower_case = segment[i + 1] >= 'a' || segment[i + 2] >= 'a';
    if (high < 0 || low < 0 || lower_case) return false;
    if (IsUnreserved(static_cast<char>(high * 16 + low))) return false;
    i += 2;
  }
  return true;
}

}  // namespace

bool CredentialRule::Matches(std::string_view method, std::string_view path) const {
  const auto any = [](const std::vector<std::string>& list, auto&& matches) {
    return list.empty() || std::any_of(list.begin(), list.end(), matches);
  };
  return any(methods, [method](const std::string& candidate) { return candidate == method; }) &&
         any(paths, [path](const std::string& glob) { return GlobMatches(glob, path); });
}

bool GlobMatches(std::string_view glob, std::string_view path) {
  return MatchGlob(glob, path, '/');
}

std::optional<std::string> NormalizePath(std::string_view path) {
  if (path.empty()) return "/";
  if (path == "*") return "*";
  if (path[0] != '/') return std::nullopt;
  std::string result;
  result.reserve(path.size());
  bool after_empty = false;
  for (size_t start = 1;;) {
    const size_t slash = path.find('/', start);
    const bool last = slash == path.npos;
    const std::string_view raw = path.substr(start, last ? path.npos : slash - start);
    const size_t kept = result.size();
    result.push_back('/');
    if (!AppendSegment(raw, &result)) return std::nullopt;
    const std::string_view segment = std::string_view(result).substr(kept + 1);
    const bool empty = segment.empty();
    const bool current = segment == ".";
    if (segment == "..") {
      // What ".." takes away after "//" depends on who collapses first, so nobody can mean it.
      if (kept == 0 || after_empty) return std::nullopt;
      result.resize(result.rfind('/', kept - 1));
      if (last) result.push_back('/');
    } else if (empty || current) {
      result.resize(kept);
      if (last) result.push_back('/');
    }
    after_empty = empty || (current && after_empty);
    if (last) break;
    start = slash + 1;
  }
  return result;
}

bool IsNormalPath(std::string_view path) {
  if (path == "*") return true;
  if (!path.starts_with('/')) return false;
  for (size_t start = 1;;) {
    const size_t slash = path.find('/', start);
    const bool last = slash == path.npos;
    const std::string_view segment = path.substr(start, last ? path.npos : slash - start);
    if (segment == "." || segment == ".." || (segment.empty() && !last)) return false;
    if (!IsNormalSegment(segment)) return false;
    if (last) return true;
    start = slash + 1;
  }
}

}  // namespace sallyport::rules

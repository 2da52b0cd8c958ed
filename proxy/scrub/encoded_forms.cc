#include "proxy/scrub/encoded_forms.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace sallyport::scrub {
namespace {

constexpr std::string_view kLowerHex = "0123456789abcdef";
constexpr std::string_view kUpperHex = "0123456789ABCDEF";

bool IsAlphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool Contains(std::string_view set, char c) { return set.find(c) != set.npos; }

// The longest that a byte becomes: "\u0026", "&quot;".
constexpr size_t kMaxExpansion = 6;

// A string that never moves while it grows, so that no copy of a secret is left behind.
class Builder {
 public:
  explicit Builder(size_t value_size) { text_.reserve(value_size * kMaxExpansion); }
  ~Builder() { WipeString(&text_); }
  Builder(const Builder&) = delete;
  Builder& operator=(const Builder&) = delete;

  void Put(char c) { text_.push_back(c); }
  void Put(std::string_view text) { text_.append(text); }
  void PutHex(uint32_t value, int digits, std::string_view alphabet) {
    for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) Put(alphabet[value >> shift & 15]);
  }
  SecretString Take() const { return SecretString(text_); }

 private:
  std::string text_;
};

// ---- JSON

struct JsonStyle {
  bool escapes_slash = false;
  bool ascii_only = false;
  // Written as \uXXXX, though they need not be.
  std::string_view by_number = {};
  std::string_view hex = kLowerHex;
};

constexpr std::array<JsonStyle, 7> kJsonStyles = {{
    {},                                           // JavaScript, Jackson, serde
    {.ascii_only = true},                         // Python
    {.escapes_slash = true, .ascii_only = true},  // PHP
    {.escapes_slash = true},                      // PHP with JSON_UNESCAPED_UNICODE
    {.by_number = "<>&"},                         // Go, Rails
    {.by_number = "<>&='"},                       // Gson
    {.ascii_only = true, .by_number = "<>&'\"+`", .hex = kUpperHex},  // .NET
}};

// The character at the beginning of `text` and its size; nothing where that is not UTF-8.
std::optional<std::pair<uint32_t, size_t>> DecodeUtf8(std::string_view text) {
  const auto first = static_cast<uint8_t>(text[0]);
  if (first < 0xc2 || first > 0xf4) return std::nullopt;
  const size_t size = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (text.size() < size) return std::nullopt;
  uint32_t point = first & (0xffu >> (size + 1));
  for (size_t i = 1; i < size; ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    if ((byte & 0xc0) != 0x80) return std::nullopt;
    point = point << 6 | (byte & 0x3fu);
  }
  return std::pair(point, size);
}

void PutUtf16(uint32_t point, const JsonStyle& style, Builder* out) {
  const auto put = [&](uint32_t unit) {
    out->Put("\\u");
    out->PutHex(unit, 4, style.hex);
  };
  if (point < 0x10000) {
    put(point);
    return;
  }
  put(0xd800 + ((point - 0x10000) >> 10));
  put(0xdc00 + ((point - 0x10000) & 0x3ff));
}

void PutJsonAscii(char c, const JsonStyle& style, Builder* out) {
  const auto byte = static_cast<uint8_t>(c);
  if (Contains(style.by_number, c) || (byte < 0x20 && c != '\t')) {
    PutUtf16(byte, style, out);
  } else if (c == '"' || c == '\\' || (c == '/' && style.escapes_slash)) {
    out->Put('\\');
    out->Put(c);
  } else if (c == '\t') {
    out->Put("\\t");
  } else {
    out->Put(c);
  }
}

SecretString Json(std::string_view value, const JsonStyle& style) {
  Builder out(value.size());
  for (size_t i = 0; i < value.size();) {
    const bool is_ascii = static_cast<uint8_t>(value[i]) < 0x80;
    if (is_ascii) {
      PutJsonAscii(value[i++], style, &out);
      continue;
    }
    const auto decoded = style.ascii_only ? DecodeUtf8(value.substr(i)) : std::nullopt;
    if (decoded.has_value()) {
      PutUtf16(decoded->first, style, &out);
      i += decoded->second;
    } else {
      out.Put(value[i++]);
    }
  }
  return out.Take();
}

// ---- URLs

struct UrlStyle {
  // Besides letters and digits.
  std::string_view kept;
  bool plus_for_space = false;
};

constexpr std::array<UrlStyle, 9> kUrlStyles = {{
    {"-._~"},                  // RFC 3986 §2.3
    {"-._~", true},            // Go's QueryEscape, Python's quote_plus
    {"-._~/"},                 // Python's quote
    {"-._", true},             // PHP's urlencode
    {"*-._", true},            // WHATWG application/x-www-form-urlencoded
    {"-._~!'()*"},             // encodeURIComponent
    {"-._~!'()*;/?:@&=+$,#"},  // encodeURI
    {"-._~!$&'()*+,;=:@"},     // a segment of a path, RFC 3986 §3.3
    {"-._~!$&'()*+,;=:@/?"},   // a query, RFC 3986 §3.4
}};

SecretString Url(std::string_view value, const UrlStyle& style, std::string_view hex) {
  Builder out(value.size());
  for (const char c : value) {
    if (IsAlphanumeric(c) || Contains(style.kept, c)) {
      out.Put(c);
    } else if (c == ' ' && style.plus_for_space) {
      out.Put('+');
    } else {
      out.Put('%');
      out.PutHex(static_cast<uint8_t>(c), 2, hex);
    }
  }
  return out.Take();
}

// ---- HTML

struct HtmlStyle {
  std::string_view quote;       // empty: left as it is
  std::string_view apostrophe;  // empty: left as it is
};

constexpr std::array<HtmlStyle, 6> kHtmlStyles = {{
    {"", ""},
    {"&quot;", ""},
    {"&quot;", "&#39;"},   // PHP, Rails
    {"&quot;", "&#x27;"},  // Python
    {"&#34;", "&#39;"},    // Go
    {"&quot;", "&apos;"},  // XML
}};

SecretString Html(std::string_view value, const HtmlStyle& style) {
  Builder out(value.size());
  for (const char c : value) {
    if (c == '&') {
      out.Put("&amp;");
    } else if (c == '<') {
      out.Put("&lt;");
    } else if (c == '>') {
      out.Put("&gt;");
    } else if (c == '"' && !style.quote.empty()) {
      out.Put(style.quote);
    } else if (c == '\'' && !style.apostrophe.empty()) {
      out.Put(style.apostrophe);
    } else {
      out.Put(c);
    }
  }
  return out.Take();
}

// ---- Base64

constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kBase64Url =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

// `value` after `before` other bytes: the characters all of whose six bits are the value's.
SecretString Base64After(size_t before, std::string_view value, std::string_view alphabet) {
  Builder out(value.size());
  uint32_t bits = 0;
  // Of the first character that has bits of the value, this many are somebody else's.
  const size_t foreign = before * 8 % 6;
  size_t skipped = foreign == 0 ? 0 : 6 - foreign;
  size_t have = 0;
  for (const char c : value) {
    bits = bits << 8 | static_cast<uint8_t>(c);
    have += 8;
    if (skipped != 0) {
      have -= skipped;
      skipped = 0;
    }
    for (; have >= 6; have -= 6) out.Put(alphabet[bits >> (have - 6) & 63]);
  }
  return out.Take();
}

SecretStrings AllAlignments(std::string_view value, std::string_view alphabet) {
  SecretStrings forms;
  for (size_t before = 0; before < 3; ++before) {
    forms.push_back(Base64After(before, value, alphabet));
  }
  return forms;
}

}  // namespace

SecretString EscapeJson(std::string_view value) { return Json(value, {}); }

SecretStrings JsonForms(std::string_view value) {
  SecretStrings forms;
  for (const JsonStyle& style : kJsonStyles) forms.push_back(Json(value, style));
  return forms;
}

SecretStrings UrlForms(std::string_view value) {
  SecretStrings forms;
  for (const UrlStyle& style : kUrlStyles) {
    for (const std::string_view hex : {kUpperHex, kLowerHex}) {
      forms.push_back(Url(value, style, hex));
    }
  }
  return forms;
}

SecretStrings HtmlForms(std::string_view value) {
  SecretStrings forms;
  for (const HtmlStyle& style : kHtmlStyles) forms.push_back(Html(value, style));
  return forms;
}

SecretStrings Base64Forms(std::string_view value) { return AllAlignments(value, kBase64); }

SecretStrings Base64UrlForms(std::string_view value) { return AllAlignments(value, kBase64Url); }

}  // namespace sallyport::scrub

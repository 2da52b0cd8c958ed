#include "proxy/exchange/placeholder_rewriter.h"

#include <string.h>

#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"
#include "base/hex.h"
#include "base/secret.h"
#include "proxy/http/header_list.h"
#include "rules/template.h"

namespace sallyport::proxy {
namespace {

absl::string_view ToAbsl(std::string_view text) { return {text.data(), text.size()}; }

// `text` with its percent-escapes undone, and for each byte where it stood in `text`; one position
// more marks the end. What is no escape stays as it is.
struct Decoded {
  std::string text;
  std::vector<size_t> positions;
};

Decoded DecodePercent(std::string_view text) {
  Decoded decoded;
  for (size_t i = 0; i < text.size();) {
    decoded.positions.push_back(i);
    const bool escape = text[i] == '%' && i + 2 < text.size() && HexDigit(text[i + 1]) >= 0 &&
                        HexDigit(text[i + 2]) >= 0;
    if (escape) {
      decoded.text.push_back(static_cast<char>(HexDigit(text[i + 1]) << 4 | HexDigit(text[i + 2])));
      i += 3;
    } else {
      decoded.text.push_back(text[i]);
      ++i;
    }
  }
  decoded.positions.push_back(text.size());
  return decoded;
}

}  // namespace

const std::string_view* PlaceholderRewriter::Secret(size_t entry) {
  const std::string_view* secret = lookup_(entry);
  if (secret == nullptr) refused_entry_ = entry;
  return secret;
}

std::optional<std::string_view> PlaceholderRewriter::RewritePlain(std::string_view text) {
  size_t from = 0;
  while (const std::optional<rules::PlaceholderIndex::Hit> hit = index_->Find(text, from)) {
    const std::string_view* secret = Secret(hit->entry);
    if (secret == nullptr) return std::nullopt;
    text = arena_->Concat(
        {text.substr(0, hit->position), *secret, text.substr(hit->position + hit->length)});
    // A secret is not searched again: it is data.
    from = hit->position + secret->size();
  }
  return text;
}

std::optional<std::string_view> PlaceholderRewriter::RewriteBasic(std::string_view value,
                                                                  std::string_view encoded) {
  std::string decoded;
  if (!absl::Base64Unescape(ToAbsl(encoded), &decoded)) return RewritePlain(value);
  const std::optional<std::string_view> rewritten = RewritePlain(decoded);
  if (!rewritten.has_value()) return std::nullopt;
  if (*rewritten == decoded) return RewritePlain(value);
  std::string result = absl::Base64Escape(ToAbsl(*rewritten));
  const std::string_view kept =
      arena_->Concat({value.substr(0, value.size() - encoded.size()), result});
  WipeString(&result);
  return kept;
}

std::optional<std::string_view> PlaceholderRewriter::RewriteHeaderValue(std::string_view value) {
  static constexpr std::string_view kBasic = "basic ";
  if (value.size() > kBasic.size() &&
      http::EqualsIgnoreCase(value.substr(0, kBasic.size()), kBasic)) {
    std::string_view encoded = value.substr(kBasic.size());
    while (encoded.starts_with(' ')) encoded.remove_prefix(1);
    return RewriteBasic(value, encoded);
  }
  return RewritePlain(value);
}

std::optional<std::string_view> PlaceholderRewriter::RewriteTarget(std::string_view target) {
  const bool encoded = target.find('%') != target.npos;
  if (!encoded && !index_->Find(target).has_value()) return target;
  const Decoded decoded = DecodePercent(target);
  std::string result;
  size_t copied = 0;  // of `target`
  size_t from = 0;    // in decoded.text
  while (const std::optional<rules::PlaceholderIndex::Hit> hit = index_->Find(decoded.text, from)) {
    const std::string_view* secret = Secret(hit->entry);
    if (secret == nullptr) {
      WipeString(&result);
      return std::nullopt;
    }
    result.append(target.substr(copied, decoded.positions[hit->position] - copied));
    rules::AppendUrlEncoded(*secret, &result);
    from = hit->position + hit->length;
    copied = decoded.positions[from];
  }
  if (copied == 0) return target;
  result.append(target.substr(copied));
  const std::string_view kept = arena_->Copy(result);
  WipeString(&result);
  return kept;
}

}  // namespace sallyport::proxy

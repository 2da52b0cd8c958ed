#ifndef SALLYPORT_PROXY_EXCHANGE_PLACEHOLDER_REWRITER_H_
#define SALLYPORT_PROXY_EXCHANGE_PLACEHOLDER_REWRITER_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "base/arena.h"
#include "rules/placeholder.h"

namespace sallyport::proxy {

// Replaces placeholders in the parts of a request by the secrets they stand for, each encoded as
// its place needs. For one request; results live in the arena.
class PlaceholderRewriter {
 public:
  // The secret for an entry of the index, or null when this request must not carry it: then the
  // rewriting stops, and refused_entry() says which.
  using Lookup = absl::FunctionRef<const std::string_view*(size_t entry)>;

  // `lookup` outlives the rewriter.
  PlaceholderRewriter(const rules::PlaceholderIndex* index, Arena* arena, Lookup lookup)
      : index_(index), arena_(arena), lookup_(lookup) {}

  // Each returns the text unchanged when it holds no placeholder, and nothing when it holds a
  // refused one.

  // A header's value, as it stands. "Basic" credentials (RFC 7617) are decoded and encoded again.
  std::optional<std::string_view> RewriteHeaderValue(std::string_view value);
  // A path with its query: found plain or percent-encoded, replaced percent-encoded.
  std::optional<std::string_view> RewriteTarget(std::string_view target);

  std::optional<size_t> refused_entry() const { return refused_entry_; }

 private:
  std::optional<std::string_view> RewritePlain(std::string_view text);
  std::optional<std::string_view> RewriteBasic(std::string_view value, std::string_view encoded);
  const std::string_view* Secret(size_t entry);

  const rules::PlaceholderIndex* index_;
  Arena* arena_;
  Lookup lookup_;
  std::optional<size_t> refused_entry_;
};

}  // namespace sallyport::proxy

#endif  // SALLYPORT_PROXY_EXCHANGE_PLACEHOLDER_REWRITER_H_

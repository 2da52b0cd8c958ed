#ifndef SALLYPORT_PROXY_HTTP_FIELD_SYNTAX_H_
#define SALLYPORT_PROXY_HTTP_FIELD_SYNTAX_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "proxy/http/header_list.h"

// The grammar of RFC 9110 §5, read strictly: what is not allowed is refused, never repaired.
namespace sallyport::http {

// token (RFC 9110 §5.6.2), not empty.
bool IsToken(std::string_view text);
// field-value (§5.5): no control bytes but HTAB; obs-text is allowed.
bool IsFieldValue(std::string_view text);
// Without spaces and tabs at both ends.
std::string_view TrimWhitespace(std::string_view text);
// Content-Length: digits only, below 2^63.
std::optional<uint64_t> ParseContentLength(std::string_view text);

// Reads "name: value" CRLF lines into `fields`. False when one breaks the grammar, or there are
// more than `max_fields`.
bool ParseFieldLines(std::string_view lines, size_t max_fields, HeaderList* fields);

}  // namespace sallyport::http

#endif  // SALLYPORT_PROXY_HTTP_FIELD_SYNTAX_H_

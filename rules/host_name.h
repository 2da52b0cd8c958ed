#ifndef SALLYPORT_RULES_HOST_NAME_H_
#define SALLYPORT_RULES_HOST_NAME_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/ip_address.h"

namespace sallyport::rules {

// The canonical spelling of a DNS name: ASCII lower case, U-labels as A-labels (UTS 46,
// non-transitional), without one trailing dot. Letters, digits, '-' and '_' only; labels of 1–63
// bytes, 253 in all. Does not look for addresses. Errors are fit to show a client: they repeat
// nothing of `text`.
absl::StatusOr<std::string> CanonicalName(std::string_view text);

// Whether the last label of a canonical name can only be meant as part of an IPv4 address: digits,
// or 0x and hexadecimal digits (WHATWG URL, "ends in a number checker").
bool EndsInNumber(std::string_view name);

// An IPv4 address in any spelling of inet_aton(3): 1 to 4 parts, each decimal, octal or
// hexadecimal, the last one filling the bytes that are left.
std::optional<IpAddress> ParseLooseV4(std::string_view name);

}  // namespace sallyport::rules

#endif  // SALLYPORT_RULES_HOST_NAME_H_

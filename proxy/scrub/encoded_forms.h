#ifndef SALLYPORT_PROXY_SCRUB_ENCODED_FORMS_H_
#define SALLYPORT_PROXY_SCRUB_ENCODED_FORMS_H_

#include <string_view>
#include <vector>

#include "base/secret.h"

// How a value looks inside other formats, as the usual libraries write it. Each function gives
// every spelling it knows of, without the value itself; where several agree, it may give one twice.
namespace sallyport::scrub {

using SecretStrings = std::vector<SecretString>;

// As the inside of a JSON string, with no more escapes than RFC 8259 §7 asks for.
SecretString EscapeJson(std::string_view value);

// Inside a JSON string.
SecretStrings JsonForms(std::string_view value);
// Inside a URL, or a body of application/x-www-form-urlencoded, in both cases of hexadecimal digits
// (RFC 3986 §2.1; WHATWG URL §5.2).
SecretStrings UrlForms(std::string_view value);
// Inside HTML or XML text and attributes.
SecretStrings HtmlForms(std::string_view value);
// What is sure to stand in the base64 (RFC 4648 §4) of any text that holds the value: one for each
// place modulo 3 where it may begin, without the characters that depend on its neighbours.
SecretStrings Base64Forms(std::string_view value);
// The same in the alphabet of §5.
SecretStrings Base64UrlForms(std::string_view value);

}  // namespace sallyport::scrub

#endif  // SALLYPORT_PROXY_SCRUB_ENCODED_FORMS_H_

#ifndef SALLYPORT_BASE_JSON_H_
#define SALLYPORT_BASE_JSON_H_

#include <string>
#include <string_view>

namespace sallyport {

// Appends `text` as a JSON string, quotes included (RFC 8259 §7). Control characters are escaped;
// bytes that are not valid UTF-8 become U+FFFD, so that the result is always valid JSON.
void AppendJsonString(std::string* out, std::string_view text);

}  // namespace sallyport

#endif  // SALLYPORT_BASE_JSON_H_

#ifndef SALLYPORT_PROXY_HTTP_REASON_PHRASE_H_
#define SALLYPORT_PROXY_HTTP_REASON_PHRASE_H_

#include <string_view>

namespace sallyport::http {

// What an HTTP/1.1 status line says of `status` (RFC 9110 §15, and the registered others); empty
// for a status nobody has registered. HTTP/2 has no reason phrases, and some HTTP/1.1 clients show
// or even want one.
std::string_view ReasonPhrase(int status);

}  // namespace sallyport::http

#endif  // SALLYPORT_PROXY_HTTP_REASON_PHRASE_H_

#ifndef SALLYPORT_PROXY_EXCHANGE_CONNECTION_AUTHENTICATION_H_
#define SALLYPORT_PROXY_EXCHANGE_CONNECTION_AUTHENTICATION_H_

#include "proxy/http/message.h"

// NTLM and Negotiate authenticate a connection instead of a request (RFC 4559 §6): whoever uses the
// connection next is taken for the same user.
namespace sallyport::proxy {

// The request carries credentials of such a scheme.
bool IsConnectionAuthentication(const http::RequestHead& request);

// The reply asks for them, or goes on with the handshake.
bool OffersConnectionAuthentication(const http::ResponseHead& reply);

}  // namespace sallyport::proxy

#endif  // SALLYPORT_PROXY_EXCHANGE_CONNECTION_AUTHENTICATION_H_

#ifndef SALLYPORT_PROXY_EXCHANGE_CONTENT_CODING_H_
#define SALLYPORT_PROXY_EXCHANGE_CONTENT_CODING_H_

#include "proxy/http/header_list.h"

// Compression and the like (RFC 9110 §8.4), under which nothing can be found in a body.
namespace sallyport::proxy {

// Whether the body that these fields describe is encoded; gRPC's and Connect's own compression of
// their messages counts.
bool IsEncoded(const http::HeaderList& headers);

// Makes a request that names codings ask for none of them. One that names none is left alone:
// servers take that for identity.
void RefuseEncodings(http::HeaderList* headers);

}  // namespace sallyport::proxy

#endif  // SALLYPORT_PROXY_EXCHANGE_CONTENT_CODING_H_

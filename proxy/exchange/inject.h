#ifndef SALLYPORT_PROXY_EXCHANGE_INJECT_H_
#define SALLYPORT_PROXY_EXCHANGE_INJECT_H_

#include <optional>
#include <string_view>

#include "proxy/exchange/request_policy.h"
#include "proxy/http/local_reply.h"
#include "proxy/http/message.h"

// The only place that edits a message's head.
namespace sallyport::proxy {

// Makes of the client's request the one that goes upstream: hop-by-hop fields off (RFC 9110 §7.6.1,
// before anything is written, so that no Connection field can name what is), placeholders replaced,
// credentials written, codings refused where the reply is to be searched, Host set to the authority
// agreed on. Or returns the reply that refuses it. Completes plan->carried.
std::optional<http::LocalReply> PrepareRequest(RequestPlan* plan, http::RequestHead* request);

// Makes of a prepared request for plain HTTP one that an upstream proxy forwards: absolute form,
// and `authorization` (empty for none) as Proxy-Authorization. May be repeated.
void AddressToProxy(const RequestPlan& plan, std::string_view authorization,
                    http::RequestHead* request);

// Leaves of a request's trailers what may go upstream.
http::HeaderList FilterRequestTrailers(const RequestPlan& plan, const http::HeaderList& trailers);

// Makes of the upstream's reply the one that goes to the client. `intercepted`: the host's TLS ends
// here, so Alt-Svc would promise a way around.
void PrepareReply(bool intercepted, http::ResponseHead* reply);
http::HeaderList FilterReplyTrailers(const http::HeaderList& trailers);

}  // namespace sallyport::proxy

#endif  // SALLYPORT_PROXY_EXCHANGE_INJECT_H_

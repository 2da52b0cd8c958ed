#ifndef SALLYPORT_PROXY_HTTP_LOCAL_REPLY_H_
#define SALLYPORT_PROXY_HTTP_LOCAL_REPLY_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/http/stream.h"

namespace sallyport::http {

// Why the proxy answers a request itself. Each has one status and one code.
enum class ReplyCode : uint8_t {
  kBadRequest,
  kHostDenied,
  kAddressDenied,
  kRequestDenied,
  kPlaintextCredential,
  kPlaceholderMisdirected,
  kMethodNotAllowed,
  kAuthorityMismatch,
  kHeaderTooLarge,
  kUpstreamUnreachable,
  kUpstreamTls,
  kUpstreamProtocol,
  kDnsFailure,
  kUnscrubbableReply,
  kCredentialUnavailable,
  kShuttingDown,
  kUpstreamTimeout,
};

int StatusOf(ReplyCode code);
// "host_denied", as in X-Sallyport-Error.
std::string_view NameOf(ReplyCode code);

// A reply before it is bytes. Nothing in it is a secret or a header's value.
struct LocalReply {
  ReplyCode code = ReplyCode::kBadRequest;
  // What happened, in a sentence.
  std::string message;
  // Which host and which rule or list entry; empty where there is none.
  std::string host;
  std::string rule;
  // What to change; empty takes the code's own hint.
  std::string hint;
  // The audit log gets the message too: the code alone would not say what to change.
  bool tells_audit = false;
};

// Answers with `reply` and ends the response. `head_only` for a HEAD request.
void SendLocalReply(ServerStream* stream, const LocalReply& reply, bool head_only);

}  // namespace sallyport::http

#endif  // SALLYPORT_PROXY_HTTP_LOCAL_REPLY_H_

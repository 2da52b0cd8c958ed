#include "proxy/http/local_reply.h"

#include <array>

#include "base/json.h"

namespace sallyport::http {
namespace {

struct CodeInfo {
  ReplyCode code;
  int status;
  std::string_view reason;
  std::string_view name;
  std::string_view hint;
};

constexpr std::array<CodeInfo, 17> kCodes = {{
    {ReplyCode::kBadRequest, 400, "Bad Request", "bad_request",
     "send a well-formed HTTP/1.1 request"},
    {ReplyCode::kHostDenied, 403, "Forbidden", "host_denied",
     "allow the host under network.allowedDomains in proxy-config.json"},
    {ReplyCode::kAddressDenied, 403, "Forbidden", "address_denied",
     "allow the address under network.allowedCIDRs, or the exact host and port under "
     "network.allowedDomains, in proxy-config.json"},
    {ReplyCode::kRequestDenied, 403, "Forbidden", "request_denied",
     "allow the method and path in the policy"},
    {ReplyCode::kPlaintextCredential, 403, "Forbidden", "plaintext_credential",
     "use https, or set \"plaintext\": true on the rule"},
    {ReplyCode::kPlaceholderMisdirected, 403, "Forbidden", "placeholder_misdirected",
     "a placeholder may only be sent to the hosts of the rule that owns it"},
    {ReplyCode::kMethodNotAllowed, 405, "Method Not Allowed", "method_not_allowed",
     "use another method"},
    {ReplyCode::kAuthorityMismatch, 421, "Misdirected Request", "authority_mismatch",
     "open a connection of its own for each host"},
    {ReplyCode::kHeaderTooLarge, 431, "Request Header Fields Too Large", "header_too_large",
     "send at most 64 KiB and 256 fields of header"},
    {ReplyCode::kUpstreamUnreachable, 502, "Bad Gateway", "upstream_unreachable",
     "check that the host is up and reachable from where the proxy runs"},
    {ReplyCode::kUpstreamTls, 502, "Bad Gateway", "upstream_tls",
     "if the host's certificate comes from a private authority, give it with --upstream-ca"},
    {ReplyCode::kUpstreamProtocol, 502, "Bad Gateway", "upstream_protocol",
     "the upstream does not speak HTTP/1.1 as its standard says"},
    {ReplyCode::kDnsFailure, 502, "Bad Gateway", "dns_failure",
     "check the host's name and the proxy's resolver"},
    {ReplyCode::kUnscrubbableReply, 502, "Bad Gateway", "unscrubbable_reply",
     "set \"scrub\": true on the rule to let encoded replies pass"},
    {ReplyCode::kCredentialUnavailable, 503, "Service Unavailable", "credential_unavailable",
     "check the rule's source on the host"},
    {ReplyCode::kShuttingDown, 503, "Service Unavailable", "shutting_down",
     "try again when the proxy is back"},
    {ReplyCode::kUpstreamTimeout, 504, "Gateway Timeout", "upstream_timeout",
     "try again, or check the host's health"},
}};

const CodeInfo& InfoOf(ReplyCode code) {
  const CodeInfo& info = kCodes[static_cast<size_t>(code)];
  return info;
}

constexpr bool InOrder() {
  for (size_t i = 0; i < kCodes.size(); ++i) {
    if (static_cast<size_t>(kCodes[i].code) != i) return false;
  }
  return true;
}
static_assert(InOrder(), "kCodes is indexed by ReplyCode");

void AppendMember(std::string* out, std::string_view key, std::string_view value) {
  out->append(out->size() == 1 ? "" : ",");
  AppendJsonString(out, key);
  out->push_back(':');
  if (value.empty()) {
    out->append("null");
  } else {
    AppendJsonString(out, value);
  }
}

}  // namespace

int StatusOf(ReplyCode code) { return InfoOf(code).status; }

std::string_view NameOf(ReplyCode code) { return InfoOf(code).name; }

void SendLocalReply(ServerStream* stream, const LocalReply& reply, bool head_only) {
  const CodeInfo& info = InfoOf(reply.code);
  std::string body = "{";
  AppendMember(&body, "error", info.name);
  AppendMember(&body, "message", reply.message);
  AppendMember(&body, "host", reply.host);
  AppendMember(&body, "rule", reply.rule);
  AppendMember(&body, "hint", reply.hint.empty() ? info.hint : std::string_view(reply.hint));
  body.append("}\n");
  const std::string length = std::to_string(body.size());
  ResponseHead head;
  head.status = info.status;
  head.reason = info.reason;
  head.headers.Add("Content-Type", "application/json");
  head.headers.Add("X-Sallyport-Error", info.name);
  head.headers.Add("Content-Length", length);
  if (!head_only) head.body = {BodyKind::kLength, body.size()};
  if (reply.code == ReplyCode::kBadRequest || reply.code == ReplyCode::kHeaderTooLarge) {
    stream->EndConnection();
  }
  stream->SendHead(head);
  if (!head_only) stream->SendBody(body);
  stream->EndResponse(EndKind::kClean);
}

}  // namespace sallyport::http

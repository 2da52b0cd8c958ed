#include "proxy/exchange/request_policy.h"

#include <fmt/format.h>

#include <span>
#include <utility>

#include "base/log.h"
#include "base/status.h"

namespace sallyport::proxy {
namespace {

using http::LocalReply;
using http::ReplyCode;
using http::RequestHead;

using rules::kHttpPort;
using rules::kHttpsPort;

LocalReply BadRequest(std::string message) {
  return {.code = ReplyCode::kBadRequest,
          .message = std::move(message),
          .host = {},
          .rule = {},
          .hint = {}};
}

// Whether `text`, in the spelling nearly every client uses, is `authority`.
bool IsPlainly(std::string_view text, const rules::Authority& authority, uint16_t default_port) {
  // Addresses of IPv6 stand in brackets.
  if (authority.host.address.has_value() && !authority.host.address->is_v4()) return false;
  if (!text.starts_with(authority.host.name)) return false;
  text.remove_prefix(authority.host.name.size());
  if (text.empty()) return authority.port == default_port;
  const fmt::format_int port(authority.port);
  return text.front() == ':' && text.substr(1) == std::string_view(port.data(), port.size());
}

// Inside a CONNECT every name must be the one that was asked for.
std::optional<LocalReply> AgreeInside(const RequestHead& request, const Channel& channel) {
  const rules::Authority& authority = *channel.authority;
  // A Host without a port means the tunnel's: that is the only place the request can go.
  const uint16_t default_port = authority.port;
  if (request.method == "CONNECT") {
    return LocalReply{.code = ReplyCode::kMethodNotAllowed,
                      .message = "CONNECT inside a CONNECT tunnel",
                      .host = authority.host.name,
                      .rule = {},
                      .hint = "open a new connection to the proxy"};
  }
  if (!request.scheme.empty()) {
    const auto target = rules::ParseAuthority(request.authority, default_port);
    const bool same_scheme = request.scheme == (channel.tls ? "https" : "http");
    if (!target.ok() || *target != authority || !same_scheme) {
      return BadRequest(fmt::format("the request's URI is not of {}, which this tunnel is for",
                                    authority.ToString()));
    }
  }
  if (request.host.empty()) return std::nullopt;  // HTTP/1.0
  if (IsPlainly(request.host, authority, default_port)) return std::nullopt;
  const auto host = rules::ParseAuthority(request.host, default_port);
  if (!host.ok()) return BadRequest(fmt::format("Host is invalid: {}", Message(host.status())));
  if (*host == authority) return std::nullopt;
  return LocalReply{.code = ReplyCode::kAuthorityMismatch,
                    .message = fmt::format("the request is for {}, this tunnel for {}",
                                           host->ToString(), authority.ToString()),
                    .host = host->host.name,
                    .rule = {},
                    .hint = {}};
}

// Of a request that its client meant for an origin and that was led here.
std::optional<LocalReply> ReadCapturedTarget(const RequestHead& request,
                                             const rules::Authority& captured, RequestPlan* plan) {
  plan->tls = false;
  plan->authority = captured;
  if (request.host.empty()) return std::nullopt;  // HTTP/1.0
  auto host = rules::ParseAuthority(request.host, captured.port);
  if (!host.ok()) return BadRequest(fmt::format("Host is invalid: {}", Message(host.status())));
  plan->authority = *std::move(host);
  return std::nullopt;
}

// Of a request that was sent to the proxy itself.
std::optional<LocalReply> ReadForwardTarget(const RequestHead& request, const Channel& channel,
                                            RequestPlan* plan) {
  if (request.scheme.empty() && channel.captured.has_value()) {
    return ReadCapturedTarget(request, *channel.captured, plan);
  }
  if (request.scheme.empty()) {
    LocalReply reply = BadRequest("this is an HTTP proxy, not a web server");
    reply.hint = "set HTTP_PROXY and HTTPS_PROXY to this address, or with curl use --proxy";
    return reply;
  }
  plan->tls = request.scheme == "https";
  const uint16_t default_port = plan->tls ? kHttpsPort : kHttpPort;
  auto target = rules::ParseAuthority(request.authority, default_port);
  if (!target.ok()) {
    return BadRequest(fmt::format("the target's host is invalid: {}", Message(target.status())));
  }
  if (!request.host.empty()) {
    const auto host = rules::ParseAuthority(request.host, default_port);
    if (!host.ok()) return BadRequest(fmt::format("Host is invalid: {}", Message(host.status())));
  }
  plan->authority = *std::move(target);
  return std::nullopt;
}

std::optional<LocalReply> NormalizeTarget(const RequestHead& request, RequestPlan* plan) {
  const std::string_view path = PathWithoutQuery(request.path);
  plan->path_is_normal = path == "*" || rules::IsNormalPath(path);
  plan->normalized_path.clear();
  if (plan->path_is_normal) return std::nullopt;
  std::optional<std::string> normal = rules::NormalizePath(path);
  if (!normal.has_value()) {
    return BadRequest("the path climbs above the root, or has a malformed percent-escape");
  }
  plan->normalized_path = *std::move(normal);
  return std::nullopt;
}

LocalReply HostDenied(const rules::Authority& authority, std::string_view by, std::string hint) {
  return {.code = ReplyCode::kHostDenied,
          .message = fmt::format("{} is refused by {}", authority.ToString(), by),
          .host = authority.host.name,
          .rule = std::string(by),
          .hint = std::move(hint)};
}

// Without anything in it where the client is not known.
const ClientProcess& ProcessOf(const Channel& channel) {
  static const ClientProcess unknown = {
      .pid = 0,
      .binaries = {},
      .problem = "this proxy was started without the program",
      .remedy = "start the program by 'sallyport run', or take the list out of the policy"};
  return channel.identity != nullptr ? channel.identity->process() : unknown;
}

// Both have to allow the host. What is allowed is so by the policy, which names what it allows.
// Without a channel, what anybody may reach.
void AskPolicy(const Snapshot& snapshot, const rules::Authority& authority, const Channel* channel,
               rules::HostDecision* decision, rules::NetworkDecision* network) {
  network->Clear();
  if (snapshot.policy == nullptr || !decision->allowed) return;
  const rules::NetworkPolicy& policy = snapshot.policy->network;
  *network = policy.Decide(authority);
  if (network->lists_binaries && channel != nullptr) {
    *network = policy.DecideFor(authority, ProcessOf(*channel).binaries);
  }
  if (!network->allowed) {
    *decision = {.by = network->by};
    return;
  }
  decision->by = network->by;
  if (network->inspects) decision->intercept = !snapshot.rules->Bypasses(authority);
  if (network->skips_tls) decision->intercept = false;
}

void DecideChannel(const std::shared_ptr<const Snapshot>& snapshot, Channel* channel) {
  const rules::RuleSet& rules = *snapshot->rules;
  channel->decided_by = snapshot;
  channel->decision = rules.DecideHost(*channel->authority);
  AskPolicy(*snapshot, *channel->authority, channel, &channel->decision, &channel->network);
  channel->candidates.clear();
  rules.FindRules(*channel->authority, &channel->candidates);
}

void DecideHost(Channel* channel, RequestPlan* plan) {
  if (!channel->authority.has_value()) {
    const rules::RuleSet& rules = *plan->snapshot->rules;
    plan->decision = rules.DecideHost(plan->authority);
    AskPolicy(*plan->snapshot, plan->authority, channel, &plan->decision, &plan->network);
    plan->candidates.clear();
    rules.FindRules(plan->authority, &plan->candidates);
    return;
  }
  // A decision that waited for the client to be known is made anew.
  const bool knew_client = channel->network.client != rules::ClientRefusal::kUnknown;
  if (channel->decided_by != plan->snapshot || !knew_client) {
    DecideChannel(plan->snapshot, channel);
  }
  plan->decision = channel->decision;
  plan->network = channel->network;
  plan->candidates = channel->candidates;
}

// The refusal of a client at which the endpoints that there are do not count.
LocalReply ClientDenied(const rules::Authority& authority, const rules::NetworkDecision& network,
                        const ClientProcess& client) {
  LocalReply reply = HostDenied(authority, network.by, {});
  constexpr size_t kShown = 4;
  const std::span<const std::string> all = client.binaries;
  std::string binaries =
      fmt::format("{}", fmt::join(all.first(std::min(all.size(), kShown)), " and "));
  if (all.size() > kShown) binaries += fmt::format(" and {} others", all.size() - kShown);
  switch (network.client) {
    case rules::ClientRefusal::kNone:
      break;
    case rules::ClientRefusal::kUnknown:
      reply.message += fmt::format(", for {}", client.problem);
      reply.hint = client.remedy;
      break;
    case rules::ClientRefusal::kNotListed:
      reply.message += fmt::format(", which does not name {}", binaries);
      reply.hint =
          fmt::format("if the program may, add its path under {} in the policy", network.by);
      break;
    case rules::ClientRefusal::kShared:
      reply.message +=
          fmt::format(", which does not name all of {}, who share the connection", binaries);
      reply.hint = fmt::format(
          "name all of them under {} in the policy, or have the first close its connections when "
          "it starts another program (close-on-exec)",
          network.by);
      break;
  }
  reply.tells_audit = true;
  return reply;
}

// The refusal of a host; nothing where it is allowed.
std::optional<LocalReply> RefuseHost(const rules::Authority& authority,
                                     const rules::HostDecision& decision,
                                     const rules::NetworkDecision& network,
                                     const Channel& channel) {
  if (decision.allowed) return std::nullopt;
  if (network.client != rules::ClientRefusal::kNone) {
    return ClientDenied(authority, network, ProcessOf(channel));
  }
  const bool by_policy = !network.by.empty();
  return HostDenied(authority, decision.by,
                    by_policy ? "name the host and port in an endpoint under network_policies in "
                                "the policy"
                              : "");
}

std::string_view Describe(rules::RequestRefusal refusal) {
  switch (refusal) {
    case rules::RequestRefusal::kNone:
      return "allowed";
    case rules::RequestRefusal::kNoRule:
      return "not among the requests that the policy allows there";
    case rules::RequestRefusal::kDenyRule:
      return "refused by a deny rule of the policy";
    case rules::RequestRefusal::kEncodedSlash:
      return "refused for the %2F in its path";
    case rules::RequestRefusal::kAmbiguousPath:
      return "refused for its path, in which servers see different segments";
  }
  return "";
}

std::string HintFor(rules::RequestRefusal refusal) {
  switch (refusal) {
    case rules::RequestRefusal::kEncodedSlash:
      return "write the slash itself, or set allow_encoded_slash: true on the policy's endpoint";
    case rules::RequestRefusal::kAmbiguousPath:
      return "send the path without dot segments";
    case rules::RequestRefusal::kDenyRule:
      return "change the deny rule in the policy";
    default:
      return "allow the method and path under access or rules of the policy's endpoint";
  }
}

std::optional<LocalReply> JudgeRequest(const RequestHead& request, RequestPlan* plan) {
  plan->endpoints.clear();
  plan->audited_by = {};
  if (plan->snapshot->policy == nullptr) return std::nullopt;
  const std::string_view path = PathWithoutQuery(request.path);
  const std::string_view query = path.size() == request.path.size()
                                     ? std::string_view()
                                     : request.path.substr(path.size() + 1);
  rules::RequestDecision decision = plan->snapshot->policy->network.DecideRequest(
      plan->network, request.method, plan->MatchedPath(path), query);
  if (!decision.allowed) {
    return LocalReply{
        .code = ReplyCode::kRequestDenied,
        .message = fmt::format("{} to {} is {}: {}", request.method, plan->authority.ToString(),
                               Describe(decision.refusal), decision.by),
        .host = plan->authority.host.name,
        .rule = std::string(decision.by),
        .hint = HintFor(decision.refusal)};
  }
  plan->endpoints = std::move(decision.endpoints);
  plan->decision.by = decision.by;
  if (decision.refusal == rules::RequestRefusal::kNone) return std::nullopt;
  plan->audited_by = decision.by;
  log::Info("policy", "a request passes that the policy audits",
            {{"host", plan->authority.host.name},
             {"method", request.method},
             {"by", decision.by},
             {"why", Describe(decision.refusal)}});
  return std::nullopt;
}

// "Max-Forwards: 0" makes the proxy the last recipient (RFC 9110 §7.6.2), and TRACE makes the last
// recipient echo the request: neither is answered for a host that gets a credential.
bool EndsHere(const RequestHead& request) {
  if (request.method == "TRACE") return true;
  const http::Header* max_forwards = request.headers.Find(http::HeaderId::kMaxForwards);
  return max_forwards != nullptr && max_forwards->value == "0";
}

std::optional<LocalReply> PickRules(const RequestHead& request, RequestPlan* plan) {
  plan->applied.clear();
  const std::string_view path = plan->MatchedPath(PathWithoutQuery(request.path));
  const std::string& host = plan->authority.host.name;
  for (const uint16_t index : plan->candidates) {
    const rules::CredentialRule& rule = plan->snapshot->rules->rules()[index];
    if (!rule.Matches(request.method, path)) continue;
    const RuleCredential* credential = plan->snapshot->credentials[index].get();
    if (credential == nullptr || !credential->available) {
      if (credential == nullptr && !rule.required) continue;
      return LocalReply{.code = ReplyCode::kCredentialUnavailable,
                        .message = fmt::format("the credential of {} cannot be had", rule.name),
                        .host = host,
                        .rule = rule.name,
                        .hint = {}};
    }
    if (!plan->tls && !rule.plaintext) {
      return LocalReply{.code = ReplyCode::kPlaintextCredential,
                        .message = fmt::format("{} would send its credential to {} over plain http",
                                               rule.name, host),
                        .host = host,
                        .rule = rule.name,
                        .hint = {}};
    }
    plan->applied.push_back(index);
    if (!rule.continues) break;
  }
  return std::nullopt;
}

}  // namespace

std::string_view PathWithoutQuery(std::string_view path) { return path.substr(0, path.find('?')); }

std::optional<LocalReply> DecideOpening(const std::shared_ptr<const Snapshot>& snapshot,
                                        Channel* channel) {
  DecideChannel(snapshot, channel);
  const rules::Authority& authority = *channel->authority;
  if (auto refused = RefuseHost(authority, channel->decision, channel->network, *channel)) {
    return refused;
  }
  if (channel->network.enforces && !channel->decision.intercept) {
    return HostDenied(authority, channel->network.by,
                      "the policy judges requests to this host, and network.bypassDomains of "
                      "proxy-config.json keeps them unread; take it out of one of them");
  }
  return std::nullopt;
}

bool WantsIdentity(const rules::NetworkDecision& network, const Channel& channel) {
  return network.client == rules::ClientRefusal::kUnknown && channel.identity != nullptr &&
         !channel.identity->known();
}

void Channel::Describe(audit::AuditRecord* record) const {
  record->client = client;
  if (identity == nullptr || identity->process().pid == 0) return;
  record->pid = identity->process().pid;
  if (!identity->process().binaries.empty()) record->binary = identity->process().binaries.front();
}

bool AllowsHost(const Snapshot& snapshot, const rules::Authority& authority) {
  rules::HostDecision decision = snapshot.rules->DecideHost(authority);
  rules::NetworkDecision network;
  AskPolicy(snapshot, authority, nullptr, &decision, &network);
  return decision.allowed;
}

upstream::AddressGate GateOf(const RequestPlan& plan) {
  return {.rules = plan.snapshot->rules,
          .decision = plan.decision,
          .policy = plan.snapshot->policy,
          .endpoints = plan.endpoints};
}

upstream::AddressGate GateOf(const Channel& channel) {
  return {.rules = channel.decided_by->rules,
          .decision = channel.decision,
          .policy = channel.decided_by->policy,
          .endpoints = channel.network.endpoints};
}

std::optional<LocalReply> DecideRequest(const RequestHead& request, Channel* channel,
                                        const std::shared_ptr<const Snapshot>& snapshot,
                                        RequestPlan* plan) {
  plan->snapshot = snapshot;
  plan->carried.clear();
  if (channel->authority.has_value()) {
    plan->tls = channel->tls;
    if (std::optional<LocalReply> refused = AgreeInside(request, *channel)) return refused;
    plan->authority = *channel->authority;
  } else if (std::optional<LocalReply> refused = ReadForwardTarget(request, *channel, plan)) {
    return refused;
  }
  if (std::optional<LocalReply> refused = NormalizeTarget(request, plan)) return refused;
  DecideHost(channel, plan);
  if (auto refused = RefuseHost(plan->authority, plan->decision, plan->network, *channel)) {
    return refused;
  }
  if (auto refused = JudgeRequest(request, plan)) return refused;
  if (!plan->candidates.empty() && EndsHere(request)) {
    return LocalReply{.code = ReplyCode::kMethodNotAllowed,
                      .message = "TRACE and Max-Forwards: 0 could echo a credential",
                      .host = plan->authority.host.name,
                      .rule = {},
                      .hint = {}};
  }
  return PickRules(request, plan);
}

}  // namespace sallyport::proxy

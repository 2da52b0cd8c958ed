#include "rules/network_policy.h"

#include <algorithm>
#include <array>
#include <optional>

#include "rules/credential_rule.h"
#include "rules/glob.h"
#include "rules/guarded_address.h"

namespace sallyport::rules {
namespace {

constexpr std::string_view kNoEntry = "network_policies";

bool Permits(AccessPreset access, std::string_view method) {
  constexpr std::array<std::string_view, 6> kMethods = {"GET",  "HEAD", "OPTIONS",
                                                        "POST", "PUT",  "PATCH"};
  switch (access) {
    case AccessPreset::kNone:
      return false;
    case AccessPreset::kReadOnly:
      return std::find(kMethods.begin(), kMethods.begin() + 3, method) != kMethods.begin() + 3;
    case AccessPreset::kReadWrite:
      return std::find(kMethods.begin(), kMethods.end(), method) != kMethods.end();
    case AccessPreset::kFull:
      return true;
  }
  return false;
}

bool HoldsEncodedSlash(std::string_view path) { return path.find("%2F") != path.npos; }

// What some servers take for the end of a segment: '/', and '/' and '\' that were escaped.
size_t SegmentEnd(std::string_view path, size_t* separator_size) {
  for (size_t i = 0; i < path.size(); ++i) {
    *separator_size = 1;
    if (path[i] == '/') return i;
    *separator_size = 3;
    const std::string_view escape = path.substr(i, 3);
    if (escape == "%2F" || escape == "%5C") return i;
  }
  *separator_size = 0;
  return path.size();
}

// Whether some servers would see a dot segment in a normalised path: behind an escaped separator,
// or followed by parameters (RFC 3986 §3.3), which Java servers cut off before they resolve "..".
bool IsAmbiguous(std::string_view path) {
  while (!path.empty()) {
    size_t separator_size = 0;
    const size_t end = SegmentEnd(path, &separator_size);
    std::string_view segment = path.substr(0, end);
    path.remove_prefix(end + separator_size);
    segment = segment.substr(0, segment.find(';'));
    if (segment == "." || segment == "..") return true;
  }
  return false;
}

// The path as a server sees it that decodes %2F.
std::string WithSlashes(std::string_view path) {
  std::string decoded;
  for (size_t at = path.find("%2F"); at != path.npos; at = path.find("%2F")) {
    decoded.append(path.substr(0, at)).push_back('/');
    path.remove_prefix(at + 3);
  }
  decoded.append(path);
  // "//" is one slash to the rules. It cannot fail: nothing ambiguous comes here.
  return NormalizePath(decoded).value_or(decoded);
}

bool Allows(const PolicyEndpoint& endpoint, std::string_view method, std::string_view path,
            std::string_view query) {
  if (Permits(endpoint.access, method)) return true;
  return std::any_of(endpoint.allow.begin(), endpoint.allow.end(), [&](const auto& matcher) {
    return matcher.MatchesMethodAndPath(method, path) && matcher.AllowsQuery(query);
  });
}

// The deny rule that matches; null if none does.
const RequestMatcher* FindDenyRule(const PolicyEndpoint& endpoint, std::string_view method,
                                   std::string_view path, std::string_view query) {
  const auto found =
      std::find_if(endpoint.deny.begin(), endpoint.deny.end(), [&](const auto& matcher) {
        return matcher.MatchesMethodAndPath(method, path) && matcher.DeniesQuery(query);
      });
  return found == endpoint.deny.end() ? nullptr : &*found;
}

}  // namespace

uint32_t NetworkPolicy::AddEntry(PolicyEntry entry) {
  entries_.push_back(std::move(entry));
  return static_cast<uint32_t>(entries_.size() - 1);
}

void NetworkPolicy::AddEndpoint(PolicyEndpoint endpoint, std::vector<Pattern> patterns) {
  const auto index = static_cast<uint32_t>(endpoints_.size());
  for (Pattern& pattern : patterns) hosts_.Add(std::move(pattern), index);
  endpoints_.push_back(std::move(endpoint));
}

NetworkDecision NetworkPolicy::Match(const Authority& authority) const {
  NetworkDecision decision;
  decision.by = kNoEntry;
  hosts_.ForEachMatch(authority, [&](const PatternSet::Entry& match) {
    decision.endpoints.push_back(match.id);
    decision.lists_binaries = decision.lists_binaries || !BinariesOf(match.id).empty();
  });
  std::sort(decision.endpoints.begin(), decision.endpoints.end());
  return decision;
}

void NetworkPolicy::Conclude(NetworkDecision* decision) const {
  if (decision->endpoints.empty()) return;
  decision->allowed = true;
  decision->skips_tls = true;
  const PolicyEndpoint* judge = nullptr;
  for (const uint32_t index : decision->endpoints) {
    const PolicyEndpoint& endpoint = endpoints_[index];
    if (endpoint.inspects && judge == nullptr) judge = &endpoint;
    decision->inspects = decision->inspects || endpoint.inspects;
    decision->enforces = decision->enforces || (endpoint.inspects && !endpoint.audits);
    decision->skips_tls = decision->skips_tls && endpoint.skips_tls;
    decision->exact_host = decision->exact_host || endpoint.exact_host;
  }
  decision->by = judge != nullptr ? judge->label : endpoints_[decision->endpoints.front()].label;
}

ClientRefusal NetworkPolicy::KeepFor(std::span<const std::string> binaries,
                                     NetworkDecision* decision) const {
  if (binaries.empty()) return ClientRefusal::kUnknown;
  EndpointIndexes kept;
  for (const uint32_t index : decision->endpoints) {
    const std::span<const std::string> list = BinariesOf(index);
    const auto is_listed = [list](const std::string& binary) {
      return std::ranges::any_of(
          list, [&](const std::string& glob) { return MatchGlob(glob, binary, '/'); });
    };
    const auto listed = static_cast<size_t>(std::ranges::count_if(binaries, is_listed));
    if (list.empty() || listed == binaries.size()) {
      kept.push_back(index);
    } else if (listed > 0) {
      return ClientRefusal::kShared;
    }
  }
  decision->endpoints = std::move(kept);
  return decision->endpoints.empty() ? ClientRefusal::kNotListed : ClientRefusal::kNone;
}

NetworkDecision NetworkPolicy::Decide(const Authority& authority) const {
  NetworkDecision decision = Match(authority);
  Conclude(&decision);
  return decision;
}

NetworkDecision NetworkPolicy::DecideFor(const Authority& authority,
                                         std::span<const std::string> binaries) const {
  NetworkDecision decision = Match(authority);
  if (decision.lists_binaries) {
    const uint32_t with_list = *std::ranges::find_if(
        decision.endpoints, [this](uint32_t index) { return !BinariesOf(index).empty(); });
    decision.client = KeepFor(binaries, &decision);
    if (decision.client != ClientRefusal::kNone) {
      decision.endpoints.clear();
      decision.by = entries_[endpoints_[with_list].entry].binaries_label;
    }
  }
  Conclude(&decision);
  return decision;
}

bool NetworkPolicy::lists_binaries() const {
  return std::ranges::any_of(endpoints_, [this](const PolicyEndpoint& endpoint) {
    return !entries_[endpoint.entry].binaries.empty();
  });
}

RequestDecision NetworkPolicy::DecideRequest(const NetworkDecision& host, std::string_view method,
                                             std::string_view path, std::string_view query) const {
  RequestDecision decision;
  decision.by = host.by;
  decision.allowed = host.allowed;
  if (!host.allowed || !host.inspects) {
    decision.endpoints = host.endpoints;
    return decision;
  }
  const auto refuse = [&decision](RequestRefusal why, std::string_view by) {
    decision.allowed = false;
    decision.refusal = why;
    decision.by = by;
    decision.endpoints.clear();
    return decision;
  };
  // What cannot be judged is refused even where the rules only audit.
  if (IsAmbiguous(path)) return refuse(RequestRefusal::kAmbiguousPath, host.by);
  const bool encoded = HoldsEncodedSlash(path);
  const std::string decoded = encoded ? WithSlashes(path) : std::string();
  bool readable = !encoded;
  const PolicyEndpoint* auditor = nullptr;
  for (const uint32_t index : host.endpoints) {
    const PolicyEndpoint& endpoint = endpoints_[index];
    if (!endpoint.inspects) continue;
    const RequestMatcher* denied = FindDenyRule(endpoint, method, path, query);
    if (denied == nullptr && encoded) denied = FindDenyRule(endpoint, method, decoded, query);
    if (denied != nullptr) {
      if (!endpoint.audits) return refuse(RequestRefusal::kDenyRule, denied->label);
      decision.refusal = RequestRefusal::kDenyRule;
      decision.by = denied->label;
    }
    if (encoded && !endpoint.allows_encoded_slash) continue;
    readable = true;
    if (endpoint.audits && auditor == nullptr) auditor = &endpoint;
    if (Allows(endpoint, method, path, query)) {
      if (decision.endpoints.empty() && decision.refusal == RequestRefusal::kNone) {
        decision.by = endpoint.label;
      }
      decision.endpoints.push_back(index);
    }
  }
  if (!readable) return refuse(RequestRefusal::kEncodedSlash, host.by);
  if (!decision.endpoints.empty()) return decision;
  if (host.enforces || auditor == nullptr) return refuse(RequestRefusal::kNoRule, host.by);
  if (decision.refusal == RequestRefusal::kNone) {
    decision.refusal = RequestRefusal::kNoRule;
    decision.by = auditor->label;
  }
  for (const uint32_t index : host.endpoints) {
    if (endpoints_[index].inspects) decision.endpoints.push_back(index);
  }
  return decision;
}

bool NetworkPolicy::RestrictsAddresses(const EndpointIndexes& endpoints) const {
  return !endpoints.empty() &&
         std::all_of(endpoints.begin(), endpoints.end(),
                     [this](uint32_t index) { return !endpoints_[index].allowed_ips.empty(); });
}

AddressDecision NetworkPolicy::JudgeAddress(const IpAddress& address,
                                            const EndpointIndexes& endpoints,
                                            const AddressDecision& listed) const {
  const IpAddress judged = JudgedAddress(address);
  const PolicyEndpoint* admits = nullptr;
  // Somebody wrote that such addresses may be reached here.
  const PolicyEndpoint* opens = nullptr;
  for (const uint32_t index : endpoints) {
    const PolicyEndpoint& endpoint = endpoints_[index];
    const bool named = std::any_of(endpoint.allowed_ips.begin(), endpoint.allowed_ips.end(),
                                   [&](const Cidr& range) { return range.Contains(judged); });
    if (!named && !endpoint.allowed_ips.empty()) continue;
    if (admits == nullptr) admits = &endpoint;
    if (opens == nullptr && (named || endpoint.exact_host)) opens = &endpoint;
  }
  if (admits == nullptr) {
    const bool any = !endpoints.empty();
    return {.allowed = false, .by = any ? endpoints_[endpoints.front()].label : kNoEntry};
  }
  if (listed.allowed || !listed.by_default || opens == nullptr) return listed;
  if (Classify(judged) != AddressClass::kOrdinary) return listed;
  return {.allowed = true, .by = opens->label};
}

}  // namespace sallyport::rules

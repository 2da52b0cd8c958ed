#include "cli/explanation.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/json.h"
#include "base/status.h"

namespace sallyport::cli {
namespace {

using rules::CredentialRule;
using rules::CredentialSource;
using rules::TargetKind;

// What a rule writes: header "Authorization".
std::string DescribeTarget(const CredentialRule& rule) {
  return fmt::format(
      "{} {}", rule.target_kind == TargetKind::kHeader ? "header" : "query parameter", rule.target);
}

std::string_view SourceKind(const CredentialSource& source) {
  switch (source.kind) {
    case CredentialSource::Kind::kEnvVar:
      return "envVar";
    case CredentialSource::Kind::kFile:
      return "file";
    case CredentialSource::Kind::kCommand:
      return "command";
    case CredentialSource::Kind::kProvider:
      return "provider";
  }
  return "";
}

// The place the value comes from. Of a command only the program: arguments can be private.
std::string SourceName(const CredentialSource& source) {
  switch (source.kind) {
    case CredentialSource::Kind::kEnvVar:
      return source.env_var;
    case CredentialSource::Kind::kFile:
      return source.file;
    case CredentialSource::Kind::kCommand:
      return source.command.empty() ? "" : source.command[0];
    case CredentialSource::Kind::kProvider:
      return fmt::format("{}.{}", source.provider, source.property);
  }
  return "";
}

std::string DescribeAvailability(const CredentialSource& source, Availability availability) {
  const bool variable = source.kind == CredentialSource::Kind::kEnvVar ||
                        source.kind == CredentialSource::Kind::kProvider;
  switch (availability) {
    case Availability::kAvailable:
      return variable ? "set" : "readable";
    case Availability::kMissing:
      return variable ? "not set" : "not readable";
    case Availability::kUnknown:
      return "not run";
  }
  return "";
}

// What becomes of one rule whose domain matched, for a request whose path has a normal form.
RuleOutcome Weigh(const CredentialRule& rule, const ExplainedRequest& request,
                  const SourceProbe& probe) {
  RuleOutcome outcome = {.rule = &rule, .source = probe(rule.source), .reason = {}};
  if (!rule.Matches(request.method, *request.path)) {
    const bool method =
        rule.methods.empty() || std::ranges::count(rule.methods, request.method) > 0;
    outcome.reason = method ? "its paths do not match" : "its methods do not match";
  } else if (outcome.source == Availability::kMissing) {
    outcome.kind = rule.required ? RuleOutcome::Kind::kFails : RuleOutcome::Kind::kSkipped;
    outcome.reason = rule.required ? "its source has no value, and the rule is required"
                                   : "its source has no value";
  } else if (!request.tls && !rule.plaintext) {
    outcome.kind = RuleOutcome::Kind::kRefused;
    outcome.reason = "a credential does not go over http:// unless the rule says plaintext";
  } else {
    outcome.kind = RuleOutcome::Kind::kApplies;
    outcome.reason = fmt::format("writes {}", DescribeTarget(rule));
  }
  return outcome;
}

void WeighRules(const rules::RuleSet& rules, const ExplainedRequest& request,
                const SourceProbe& probe, Explanation* explanation) {
  rules::RuleIndexes indexes;
  rules.FindRules(request.authority, &indexes);
  for (const uint16_t index : indexes) {
    const CredentialRule& rule = rules.rules()[index];
    const RuleOutcome& outcome = explanation->rules.emplace_back(Weigh(rule, request, probe));
    switch (outcome.kind) {
      case RuleOutcome::Kind::kSkipped:
        break;
      case RuleOutcome::Kind::kApplies:
        if (!rule.continues) return;
        break;
      case RuleOutcome::Kind::kFails:
        explanation->error = "credential_unavailable";
        return;
      case RuleOutcome::Kind::kRefused:
        explanation->error = "plaintext_credential";
        return;
    }
  }
}

std::string_view Describe(Explanation::Handling handling) {
  switch (handling) {
    case Explanation::Handling::kRefused:
      return "refused";
    case Explanation::Handling::kIntercepted:
      return "intercepted";
    case Explanation::Handling::kTunnelled:
      return "tunnelled";
    case Explanation::Handling::kForwarded:
      return "forwarded";
  }
  return "";
}

std::string_view Describe(RuleOutcome::Kind kind) {
  switch (kind) {
    case RuleOutcome::Kind::kApplies:
      return "applies";
    case RuleOutcome::Kind::kSkipped:
      return "skipped";
    case RuleOutcome::Kind::kFails:
      return "fails";
    case RuleOutcome::Kind::kRefused:
      return "refused";
  }
  return "";
}

// Builds one JSON object, member by member.
class JsonObject {
 public:
  JsonObject& Text(std::string_view key, std::string_view value) {
    Key(key);
    AppendJsonString(&text_, value);
    return *this;
  }
  // `json` is JSON text already.
  JsonObject& Raw(std::string_view key, std::string_view json) {
    Key(key);
    text_ += json;
    return *this;
  }
  std::string Finish() { return text_ + "}"; }

 private:
  void Key(std::string_view key) {
    if (text_.size() > 1) text_ += ',';
    AppendJsonString(&text_, key);
    text_ += ':';
  }

  std::string text_ = "{";
};

template <typename Items, typename Format>
std::string JsonList(const Items& items, Format format) {
  std::string list = "[";
  for (const auto& item : items) {
    const std::string json = format(item);
    if (json.empty()) continue;
    if (list.size() > 1) list += ',';
    list += json;
  }
  return list + "]";
}

std::string RuleAsJson(const RuleOutcome& outcome) {
  const CredentialRule& rule = *outcome.rule;
  const std::string_view available = outcome.source == Availability::kUnknown     ? "null"
                                     : outcome.source == Availability::kAvailable ? "true"
                                                                                  : "false";
  const std::string source = JsonObject()
                                 .Text("kind", SourceKind(rule.source))
                                 .Text("name", SourceName(rule.source))
                                 .Raw("available", available)
                                 .Finish();
  const bool header = rule.target_kind == TargetKind::kHeader;
  return JsonObject()
      .Text("rule", rule.name)
      .Text("outcome", Describe(outcome.kind))
      .Text("reason", outcome.reason)
      .Text(header ? "header" : "query", rule.target)
      .Raw("source", source)
      .Finish();
}

void AskPolicy(const rules::RuleSet& rules, const rules::NetworkPolicy& policy,
               const ExplainedRequest& request, Explanation* explanation, bool* intercept) {
  explanation->policy = &policy;
  explanation->network = policy.Decide(request.authority);
  explanation->by = explanation->network.by;
  const bool bypassed = rules.Bypasses(request.authority);
  if (explanation->network.inspects) *intercept = !bypassed;
  if (explanation->network.skips_tls) *intercept = false;
  // Requests that have to be judged and cannot be read.
  const bool unreadable = request.tls && explanation->network.enforces && bypassed;
  explanation->allowed = explanation->network.allowed && !unreadable;
}

void JudgeRequest(const ExplainedRequest& request, Explanation* explanation) {
  if (!request.path.has_value()) {
    explanation->error = "bad_request";
    return;
  }
  if (explanation->policy == nullptr) return;
  explanation->request = explanation->policy->DecideRequest(explanation->network, request.method,
                                                            *request.path, request.query);
  explanation->by = explanation->request->by;
  if (!explanation->request->allowed) explanation->error = "request_denied";
}

void JudgeAddress(const rules::RuleSet& rules, const rules::HostDecision& host,
                  const ExplainedRequest& request, Explanation* explanation) {
  const IpAddress& address = *request.authority.host.address;
  rules::AddressDecision decision = rules.JudgeAddress(address, host);
  if (explanation->policy != nullptr) {
    const rules::EndpointIndexes& endpoints = explanation->request.has_value()
                                                  ? explanation->request->endpoints
                                                  : explanation->network.endpoints;
    decision = explanation->policy->JudgeAddress(address, endpoints, decision);
  }
  if (decision.allowed) return;
  explanation->allowed = false;
  explanation->by = decision.by;
  explanation->error = "address_denied";
}

// What the policy makes of the request; empty where it judges the host alone.
std::string_view DescribePolicy(const Explanation& explanation) {
  if (!explanation.request.has_value() || !explanation.network.inspects) return {};
  if (!explanation.request->allowed) return "denied";
  return explanation.request->refusal == rules::RequestRefusal::kNone ? "allowed" : "audited";
}

// The executables that may connect; empty: any.
std::vector<std::string> BinariesOf(const Explanation& explanation) {
  std::vector<std::string> binaries;
  for (const uint32_t endpoint : explanation.network.endpoints) {
    const auto of_endpoint = explanation.policy->BinariesOf(endpoint);
    if (of_endpoint.empty()) return {};
    for (const std::string& binary : of_endpoint) {
      if (std::ranges::count(binaries, binary) == 0) binaries.push_back(binary);
    }
  }
  return binaries;
}

// Which entry let the host pass, or did not.
std::string_view HostDecidedBy(const Explanation& explanation) {
  const bool by_policy = explanation.policy != nullptr && explanation.error != "address_denied";
  return by_policy ? explanation.network.by : std::string_view(explanation.by);
}

std::string PolicyAsJson(const Explanation& explanation) {
  if (explanation.policy == nullptr) return "null";
  const auto quoted = [](std::string_view text) {
    std::string json;
    AppendJsonString(&json, text);
    return json;
  };
  const auto label = [&](uint32_t endpoint) {
    return quoted(explanation.policy->endpoints()[endpoint].label);
  };
  JsonObject object;
  object.Raw("endpoints", JsonList(explanation.network.endpoints, label))
      .Raw("binaries", JsonList(BinariesOf(explanation), quoted));
  const std::string_view request = DescribePolicy(explanation);
  return object.Raw("request", request.empty() ? "null" : quoted(request)).Finish();
}

std::string Origin(const ExplainedRequest& request) {
  return fmt::format("{}://{}", request.tls ? "https" : "http", request.authority.ToString());
}

}  // namespace

absl::StatusOr<ExplainedRequest> ParseRequestUrl(std::string_view url, std::string_view method) {
  ExplainedRequest request;
  request.method = method;
  const size_t scheme_end = url.find("://");
  std::string scheme(url.substr(0, scheme_end));
  std::ranges::transform(scheme, scheme.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c; });
  if (scheme_end == url.npos || (scheme != "https" && scheme != "http")) {
    return absl::InvalidArgumentError("it must begin with https:// or http://");
  }
  request.tls = scheme == "https";
  std::string_view rest = url.substr(scheme_end + 3);
  rest = rest.substr(0, rest.find('#'));
  const size_t authority_end = rest.find_first_of("/?");
  ASSIGN_OR_RETURN(request.authority,
                   rules::ParseAuthority(rest.substr(0, authority_end), request.tls ? 443 : 80));
  std::string_view path =
      authority_end == rest.npos ? std::string_view() : rest.substr(authority_end);
  const size_t question = std::min(path.find('?'), path.size());
  request.path = rules::NormalizePath(path.substr(0, question));
  request.query = path.substr(std::min(question + 1, path.size()));
  return request;
}

Explanation Explain(const rules::RuleSet& rules, const rules::Policy* policy,
                    const ExplainedRequest& request, const SourceProbe& probe) {
  Explanation explanation;
  const rules::HostDecision host = rules.DecideHost(request.authority);
  explanation.by = host.by;
  explanation.allowed = host.allowed;
  bool intercept = host.intercept;
  if (host.allowed && policy != nullptr) {
    AskPolicy(rules, policy->network, request, &explanation, &intercept);
  }
  if (!explanation.allowed) {
    explanation.error = "host_denied";
    return explanation;
  }
  if (!request.tls || intercept) {
    JudgeRequest(request, &explanation);
    if (!explanation.error.empty()) return explanation;
  }
  if (request.authority.host.address.has_value()) {
    JudgeAddress(rules, host, request, &explanation);
    if (!explanation.error.empty()) return explanation;
  }
  if (request.tls && !intercept) {
    explanation.handling = Explanation::Handling::kTunnelled;
    return explanation;
  }
  explanation.handling =
      request.tls ? Explanation::Handling::kIntercepted : Explanation::Handling::kForwarded;
  WeighRules(rules, request, probe, &explanation);
  if (!explanation.error.empty()) explanation.handling = Explanation::Handling::kRefused;
  return explanation;
}

std::string FormatForPeople(const ExplainedRequest& request, const Explanation& explanation) {
  std::string text = fmt::format("{} {}{}\n", request.method, Origin(request),
                                 request.path.value_or(" (a path without a normal form)"));
  text += fmt::format("  host         {} by {}\n", explanation.allowed ? "allowed" : "denied",
                      HostDecidedBy(explanation));
  if (!explanation.allowed) return text;
  if (const std::string_view verdict = DescribePolicy(explanation); !verdict.empty()) {
    text += fmt::format("  policy       request {} by {}\n", verdict, explanation.by);
  }
  if (explanation.policy != nullptr) {
    std::string names;
    for (const std::string& binary : BinariesOf(explanation)) {
      names += (names.empty() ? "" : ", ") + binary;
    }
    if (!names.empty()) text += fmt::format("  programs     {}\n", names);
  }
  switch (explanation.handling) {
    case Explanation::Handling::kIntercepted:
      text += "  connection   intercepted: TLS is opened here\n";
      break;
    case Explanation::Handling::kTunnelled:
      text += "  connection   tunnelled: TLS stays closed, with the host's own certificate\n";
      break;
    case Explanation::Handling::kForwarded:
      text += "  connection   forwarded as plain HTTP\n";
      break;
    case Explanation::Handling::kRefused:
      text += fmt::format("  request      refused: {}\n", explanation.error);
      break;
  }
  if (explanation.rules.empty() && explanation.error.empty()) text += "  credentials  none\n";
  for (const RuleOutcome& outcome : explanation.rules) {
    const CredentialRule& rule = *outcome.rule;
    text += fmt::format("  rule         {} {}: {}; {} {} is {}\n", rule.name,
                        Describe(outcome.kind), outcome.reason, SourceKind(rule.source),
                        SourceName(rule.source), DescribeAvailability(rule.source, outcome.source));
  }
  if (explanation.error.empty() && !request.authority.host.address.has_value()) {
    text += "  address      judged when the name is resolved\n";
  }
  return text;
}

std::string FormatAsJson(const ExplainedRequest& request, const Explanation& explanation) {
  const auto injected = [](const RuleOutcome& outcome) {
    std::string json;
    const bool header = outcome.rule->target_kind == TargetKind::kHeader;
    if (outcome.kind == RuleOutcome::Kind::kApplies && header) {
      AppendJsonString(&json, outcome.rule->target);
    }
    return json;
  };
  JsonObject object;
  object.Text("method", request.method)
      .Text("scheme", request.tls ? "https" : "http")
      .Text("host", request.authority.host.name)
      .Raw("port", fmt::format("{}", request.authority.port));
  if (request.path.has_value()) {
    object.Text("path", *request.path);
  } else {
    object.Raw("path", "null");
  }
  object.Text("decision", explanation.allowed ? "allowed" : "denied")
      .Text("by", explanation.by)
      .Text("handling", Describe(explanation.handling))
      .Raw("policy", PolicyAsJson(explanation))
      .Raw("rules", JsonList(explanation.rules, RuleAsJson))
      .Raw("injected",
           JsonList(explanation.error.empty() ? explanation.rules : std::vector<RuleOutcome>(),
                    injected));
  if (explanation.error.empty()) {
    object.Raw("error", "null");
  } else {
    object.Text("error", explanation.error);
  }
  return object.Finish() + "\n";
}

}  // namespace sallyport::cli

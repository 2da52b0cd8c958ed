#include "rules/config_reader.h"

#include <algorithm>
#include <limits>
#include <map>
#include <utility>

#include <fmt/core.h>

#include "base/status.h"
#include "rules/config_schema.h"
#include "rules/json_members.h"
#include "rules/shape_checker.h"
#include "rules/text_form.h"

namespace sallyport::rules {
namespace {

using Kind = JsonValue::Kind;

}  // namespace

ParsedProxyConfig ConfigReader::Read() {
  if (root_.kind != Kind::kObject) {
    errors_.Add(root_, "", fmt::format("the file must hold an object, not {}", root_.KindName()));
  } else {
    CheckObject(root_, ConfigKeys(), "", &errors_);
    if (const JsonValue* policy = GetMember(root_, "policy", Kind::kObject)) ReadPolicy(*policy);
    if (const JsonValue* network = GetMember(root_, "network", Kind::kObject))
      ReadNetwork(*network);
    if (const JsonValue* list = GetMember(root_, "credentials", Kind::kArray))
      ReadCredentials(*list);
    for (const RuleDomains& domains : rule_domains_) {
      CheckRuleIsNotBypassed(domains);
      CheckRuleIsReachable(domains);
    }
    CheckSharedVariables();
  }
  ParsedProxyConfig result;
  result.errors = errors_.Take();
  result.warnings = warnings_.Take();
  if (result.errors.empty()) result.rules = std::move(rules_);
  return result;
}

void ConfigReader::ReadPolicy(const JsonValue& policy) {
  const JsonValue* otherwise = GetMember(policy, "default", Kind::kString);
  rules_->tables_->default_allow = otherwise == nullptr || otherwise->string != "deny";
  rules_->log_allowed_ = GetBoolean(policy, "logAllowed", false);
  rules_->log_blocked_ = GetBoolean(policy, "logBlocked", false);
}

void ConfigReader::ReadNetwork(const JsonValue& network) {
  RuleSet::Tables& tables = *rules_->tables_;
  const JsonValue* intercept = GetMember(network, "intercept", Kind::kString);
  tables.intercept_all = intercept != nullptr && intercept->string == "all";
  ReadDomainList(network, "allowedDomains", /*blocked=*/false);
  ReadDomainList(network, "blockedDomains", /*blocked=*/true);
  ReadRanges(network, "allowedCIDRs", &tables.allowed_ranges);
  if (network.Find("blockedCIDRs") != nullptr) {
    tables.blocked_ranges = {};
    tables.blocked_by_default = false;
    ReadRanges(network, "blockedCIDRs", &tables.blocked_ranges);
  }
  ReadBypass(network);
}

void ConfigReader::ReadDomainList(const JsonValue& network, std::string_view key, bool blocked) {
  const JsonValue* list = GetMember(network, key, Kind::kArray);
  if (list == nullptr) return;
  RuleSet::Tables& tables = *rules_->tables_;
  // Labels say "allowedDomains[2]", the name that audit records know them by.
  for (PlacedPattern& placed : ReadPatterns(*list, MemberPath("network", key))) {
    // "*" in an allow list is no slip, but what policy.default "allow" says too.
    if (!blocked && placed.pattern.kind != Pattern::Kind::kAny &&
        placed.pattern.kind != Pattern::Kind::kRegex && placed.pattern.SpansPublicSuffix()) {
      warnings_.Add(*placed.value, placed.path,
                    "takes in every name under a public suffix, where anybody can register one");
    }
    tables.lists.Add(std::move(placed.pattern), static_cast<uint32_t>(tables.list_entries.size()));
    tables.list_entries.push_back(
        {.blocked = blocked, .label = placed.path.substr(std::string_view("network.").size())});
  }
}

void ConfigReader::ReadBypass(const JsonValue& network) {
  RuleSet::Tables& tables = *rules_->tables_;
  if (const JsonValue* list = GetMember(network, "bypassDomains", Kind::kArray)) {
    for (PlacedPattern& placed : ReadPatterns(*list, "network.bypassDomains")) {
      bypass_.push_back(placed.pattern);
      tables.bypass.Add(std::move(placed.pattern), 0);
    }
  }
  LabelledRanges ranges;
  ReadRanges(network, "bypassCIDRs", &ranges);
  tables.bypass_ranges = std::move(ranges.table);
  for (const Cidr& range : ranges.ranges) {
    Pattern pattern;
    pattern.kind = Pattern::Kind::kRange;
    pattern.range = range;
    bypass_.push_back(std::move(pattern));
  }
}

void ConfigReader::ReadRanges(const JsonValue& network, std::string_view key,
                              LabelledRanges* ranges) {
  const JsonValue* list = GetMember(network, key, Kind::kArray);
  if (list == nullptr) return;
  for (size_t i = 0; i < list->items.size(); ++i) {
    const JsonValue& item = list->items[i];
    if (item.kind != Kind::kString) continue;
    const std::string path = ItemPath(MemberPath("network", key), i);
    bool had_host_bits = false;
    const absl::StatusOr<Cidr> range = Cidr::Parse(item.string, &had_host_bits);
    if (!range.ok()) {
      errors_.Add(item, path, std::string(Message(range.status())));
      continue;
    }
    if (had_host_bits) {
      warnings_.Add(item, path,
                    fmt::format("has bits after its prefix; it is taken as {}", range->ToString()));
    }
    ranges->Add(*range, ItemPath(key, i));
  }
}

std::vector<ConfigReader::PlacedPattern> ConfigReader::ReadPatterns(const JsonValue& list,
                                                                    const std::string& path) {
  std::vector<PlacedPattern> patterns;
  for (size_t i = 0; i < list.items.size(); ++i) {
    const JsonValue& item = list.items[i];
    if (item.kind != Kind::kString) continue;
    absl::StatusOr<Pattern> pattern = Pattern::Parse(item.string);
    if (pattern.ok()) {
      patterns.push_back(
          {.pattern = *std::move(pattern), .value = &item, .path = ItemPath(path, i)});
    } else {
      errors_.Add(item, ItemPath(path, i), std::string(Message(pattern.status())));
    }
  }
  return patterns;
}

void ConfigReader::ReadCredentials(const JsonValue& credentials) {
  if (credentials.items.size() > std::numeric_limits<uint16_t>::max()) {
    errors_.Add(credentials, "credentials", "holds more than 65535 rules");
    return;
  }
  for (size_t i = 0; i < credentials.items.size(); ++i) {
    if (credentials.items[i].kind != Kind::kObject) continue;
    ReadRule(credentials.items[i], ItemPath("credentials", i));
  }
}

void ConfigReader::ReadRule(const JsonValue& object, const std::string& path) {
  CredentialRule rule;
  rule.name = path;
  if (const std::string* name = GetText(object, "name", TextForm::kAny, path, &errors_)) {
    rule.name = *name;
  }
  ReadSource(object, path, &rule.source);
  ReadTarget(object, path, &rule);
  ReadFilters(object, path, &rule);
  ReadFormat(object, path, &rule);
  if (const std::string* placeholder =
          GetText(object, "placeholder", TextForm::kPlaceholder, path, &errors_)) {
    rule.placeholder = *placeholder;
  }
  rule.required = GetBoolean(object, "required", false);
  rule.continues = GetBoolean(object, "continue", false);
  rule.plaintext = GetBoolean(object, "plaintext", false);
  rule.body = GetBoolean(object, "body", false);
  rule.scrub = GetBoolean(object, "scrub", true) ? ScrubMode::kOn : ScrubMode::kOff;
  if (GetMember(object, "scrub", Kind::kString) != nullptr) rule.scrub = ScrubMode::kStrict;

  RuleDomains domains = ReadRuleDomains(object, path);
  const auto index = static_cast<uint32_t>(rules_->rules_.size());
  for (const PlacedPattern& placed : domains.patterns) {
    rules_->tables_->rule_domains.Add(placed.pattern, index);
  }
  rule_domains_.push_back(std::move(domains));
  rule_places_.emplace_back(&object, path);
  rules_->rules_.push_back(std::move(rule));
}

ConfigReader::RuleDomains ConfigReader::ReadRuleDomains(const JsonValue& object,
                                                        const std::string& path) {
  RuleDomains domains;
  domains.path = MemberPath(path, "domain");
  domains.value = object.Find("domain");
  if (domains.value == nullptr) return domains;
  if (domains.value->kind == Kind::kString) {
    // A string is a list of one, but for its path.
    JsonValue list;
    absl::StatusOr<Pattern> pattern = Pattern::Parse(domains.value->string);
    if (pattern.ok()) {
      domains.patterns.push_back(
          {.pattern = *std::move(pattern), .value = domains.value, .path = domains.path});
    } else {
      errors_.Add(*domains.value, domains.path, std::string(Message(pattern.status())));
    }
    domains.complete = !domains.patterns.empty();
  } else {
    domains.patterns = ReadPatterns(*domains.value, domains.path);
    domains.complete = domains.patterns.size() == domains.value->items.size();
  }
  if (GetBoolean(object, "publicSuffix", false)) return domains;
  for (const PlacedPattern& placed : domains.patterns) {
    if (!placed.pattern.SpansPublicSuffix()) continue;
    errors_.Add(*placed.value, placed.path,
                "would send the credential to any name under a public suffix, where anybody can "
                "register one; name the hosts, or say \"publicSuffix\": true");
  }
  return domains;
}

void ConfigReader::ReadSource(const JsonValue& object, const std::string& path,
                              CredentialSource* source) {
  if (const std::string* name = GetText(object, "envVar", TextForm::kVariable, path, &errors_)) {
    source->kind = CredentialSource::Kind::kEnvVar;
    source->env_var = *name;
  }
  if (const std::string* file = GetText(object, "file", TextForm::kAbsolutePath, path, &errors_)) {
    source->kind = CredentialSource::Kind::kFile;
    source->file = *file;
  }
  if (const JsonValue* command = GetMember(object, "command", Kind::kArray)) {
    source->kind = CredentialSource::Kind::kCommand;
    ReadCommand(*command, MemberPath(path, "command"), source);
  }
  if (const JsonValue* ttl = GetMember(object, "ttlSeconds", Kind::kInteger)) {
    source->ttl = std::chrono::seconds(ttl->integer);
  }
  if (const std::string* provider = GetText(object, "provider", TextForm::kAny, path, &errors_)) {
    source->kind = CredentialSource::Kind::kProvider;
    source->provider = *provider;
  }
  if (const std::string* property = GetText(object, "property", TextForm::kAny, path, &errors_)) {
    source->property = *property;
  }
}

void ConfigReader::ReadCommand(const JsonValue& command, const std::string& path,
                               CredentialSource* source) {
  for (size_t i = 0; i < command.items.size(); ++i) {
    const JsonValue& item = command.items[i];
    if (item.kind != Kind::kString) continue;
    if (absl::Status status = CheckText(item.string, TextForm::kArgument); !status.ok()) {
      errors_.Add(item, ItemPath(path, i), std::string(Message(status)));
    }
    // A relative program would be found in the working directory, which the sandboxed program
    // writes to.
    const bool relative = item.string.find('/') != std::string::npos && item.string[0] != '/';
    if (i == 0 && (item.string.empty() || relative)) {
      errors_.Add(
          item, ItemPath(path, i),
          "must be the absolute path of a program, or its name alone to look it up in PATH");
    }
    source->command.push_back(item.string);
  }
}

void ConfigReader::ReadTarget(const JsonValue& object, const std::string& path,
                              CredentialRule* rule) {
  if (const std::string* header =
          GetText(object, "header", TextForm::kHeaderName, path, &errors_)) {
    rule->target_kind = TargetKind::kHeader;
    rule->target = *header;
  }
  if (const std::string* query = GetText(object, "query", TextForm::kAny, path, &errors_)) {
    rule->target_kind = TargetKind::kQuery;
    rule->target = *query;
  }
}

void ConfigReader::ReadFilters(const JsonValue& object, const std::string& path,
                               CredentialRule* rule) {
  const auto read = [&](std::string_view key, TextForm form, auto&& take) {
    const JsonValue* list = GetMember(object, key, Kind::kArray);
    if (list == nullptr) return;
    for (size_t i = 0; i < list->items.size(); ++i) {
      const JsonValue& item = list->items[i];
      if (item.kind != Kind::kString) continue;
      absl::Status status = CheckText(item.string, form);
      if (status.ok()) status = take(item.string);
      if (status.ok()) continue;
      errors_.Add(item, ItemPath(MemberPath(path, key), i), std::string(Message(status)));
    }
  };
  read("methods", TextForm::kMethod, [rule](std::string method) {
    std::ranges::transform(method, method.begin(), [](char c) {
      return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    });
    rule->methods.push_back(std::move(method));
    return absl::OkStatus();
  });
  read("paths", TextForm::kPathGlob, [rule](const std::string& glob) {
    // Requests are normalised before they are matched, so what is not normal would never match.
    std::optional<std::string> normal = NormalizePath(glob);
    if (!normal.has_value()) {
      return absl::InvalidArgumentError(
          "no path can match: it has a malformed %-escape, or \"..\" that leads above the root");
    }
    rule->paths.push_back(*std::move(normal));
    return absl::OkStatus();
  });
}

void ConfigReader::ReadFormat(const JsonValue& object, const std::string& path,
                              CredentialRule* rule) {
  const JsonValue* format = GetMember(object, "format", Kind::kString);
  if (format == nullptr) return;
  // A provider's properties are known to its type, which the gateway has.
  const auto unknown = object.Find("provider") != nullptr ? Template::UnknownNames::kAllow
                                                          : Template::UnknownNames::kRefuse;
  absl::StatusOr<Template> parsed = Template::Parse(format->string, {"value"}, unknown);
  if (parsed.ok()) {
    rule->format = *std::move(parsed);
  } else {
    errors_.Add(*format, MemberPath(path, "format"), std::string(Message(parsed.status())));
  }
}

void ConfigReader::CheckRuleIsNotBypassed(const RuleDomains& domains) {
  if (!domains.complete || domains.patterns.empty()) return;
  for (const PlacedPattern& placed : domains.patterns) {
    const bool bypassed = std::any_of(bypass_.begin(), bypass_.end(), [&](const Pattern& wide) {
      return wide.Covers(placed.pattern);
    });
    if (!bypassed) return;
  }
  errors_.Add(*domains.value, domains.path,
              "every host of this rule is bypassed, so it can never apply; take it out of "
              "network.bypassDomains or bypassCIDRs, or drop the rule");
}

void ConfigReader::CheckRuleIsReachable(const RuleDomains& domains) {
  for (const PlacedPattern& placed : domains.patterns) {
    if (placed.pattern.kind != Pattern::Kind::kExact) continue;
    const uint16_t port = placed.pattern.port != 0 ? placed.pattern.port : uint16_t{443};
    const Authority authority = {
        .host = {.name = placed.pattern.text, .address = IpAddress::Parse(placed.pattern.text)},
        .port = port};
    const HostDecision decision = rules_->DecideHost(authority);
    if (decision.allowed) continue;
    warnings_.Add(*placed.value, placed.path,
                  fmt::format("requests to {} are refused ({}), so the rule does not apply there",
                              authority.ToString(), decision.by));
  }
}

void ConfigReader::CheckSharedVariables() {
  // The sandboxed program's variable can hold one placeholder only.
  std::map<std::string, size_t> first;
  for (size_t i = 0; i < rules_->rules_.size(); ++i) {
    const CredentialRule& rule = rules_->rules_[i];
    if (rule.source.env_var.empty() || rule.placeholder.empty()) continue;
    const auto [it, added] = first.try_emplace(rule.source.env_var, i);
    if (added || rules_->rules_[it->second].placeholder == rule.placeholder) continue;
    const auto& [value, path] = rule_places_[i];
    errors_.Add(*value, MemberPath(path, "placeholder"),
                fmt::format("differs from that of {}, which has the same envVar; a variable holds "
                            "one placeholder",
                            rule_places_[it->second].second));
  }
}

}  // namespace sallyport::rules

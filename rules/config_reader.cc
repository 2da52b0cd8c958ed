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
#include "rules/suggestion.h"
#include "rules/text_form.h"

namespace sallyport::rules {
namespace {

using Kind = JsonValue::Kind;

// RuleIndexes count so far.
constexpr size_t kMaxRules = std::numeric_limits<uint16_t>::max();

}  // namespace

ParsedProxyConfig ConfigReader::Read() {
  for (const auto& type : providers_.attached) AllowHosts(*type);
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
  for (const auto& type : providers_.attached) Attach(type);
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
  for (PlacedPattern& placed : ReadPatterns(*list, MemberPath("network", key), &errors_)) {
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
    for (PlacedPattern& placed : ReadPatterns(*list, "network.bypassDomains", &errors_)) {
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

void ConfigReader::ReadCredentials(const JsonValue& credentials) {
  if (credentials.items.size() > kMaxRules) {
    errors_.Add(credentials, "credentials", fmt::format("holds more than {} rules", kMaxRules));
    return;
  }
  for (size_t i = 0; i < credentials.items.size(); ++i) {
    if (credentials.items[i].kind != Kind::kObject) continue;
    ReadFileRule(credentials.items[i], ItemPath("credentials", i));
  }
}

void ConfigReader::ReadFileRule(const JsonValue& object, const std::string& path) {
  CredentialSource source;
  ReadSource(object, path, &source);
  std::vector<std::string> names = {"value"};
  // Of a provider whose type is the gateway's to know, any property may exist.
  auto unknown = Template::UnknownNames::kRefuse;
  std::shared_ptr<const ProviderType> type;
  if (source.kind == CredentialSource::Kind::kProvider) {
    type = FindType(object, path, source);
    if (type == nullptr || type->any_property) unknown = Template::UnknownNames::kAllow;
    if (type != nullptr) {
      for (std::string& name : type->PropertyNames()) names.push_back(std::move(name));
    }
  }
  ReadRule read = ReadCredentialRule(object, path, names, unknown, &errors_);
  read.rule.source = std::move(source);
  if (type != nullptr) CheckPropertyNames(object, path, *type, &read.rule);
  AddRule(std::move(read.rule), type, read.domains.patterns);
  rule_domains_.push_back(std::move(read.domains));
  rule_places_.emplace_back(&object, path);
}

std::shared_ptr<const ProviderType> ConfigReader::FindType(const JsonValue& object,
                                                           const std::string& path,
                                                           const CredentialSource& source) {
  if (providers_.types == nullptr) return nullptr;
  auto type = providers_.types->Get(source.provider);
  if (!type.ok()) {
    errors_.Add(*object.Find("provider"), MemberPath(path, "provider"),
                std::string(Message(type.status())));
    return nullptr;
  }
  // What is wrong with a property that is missing has been noted.
  if (source.property.empty()) return nullptr;
  if ((*type)->Find(source.property) != nullptr) return *type;
  const std::vector<std::string> names = (*type)->PropertyNames();
  errors_.Add(*object.Find("property"), MemberPath(path, "property"),
              fmt::format("{} has no such property; it has {}", source.provider,
                          QuotedList(std::vector<std::string_view>(names.begin(), names.end()))));
  return nullptr;
}

void ConfigReader::CheckPropertyNames(const JsonValue& object, const std::string& path,
                                      const ProviderType& type, CredentialRule* rule) {
  for (const std::string& name : rule->format.Names()) {
    if (name == "value" || type.Find(name) != nullptr) continue;
    const absl::Status status = CheckText(name, TextForm::kPropertyName);
    errors_.Add(*object.Find("format"), MemberPath(path, "format"),
                fmt::format("the name of a property {}", Message(status)));
    rule->format = Template();
    return;
  }
}

void ConfigReader::AddRule(CredentialRule rule, const std::shared_ptr<const ProviderType>& type,
                           std::span<const PlacedPattern> domains) {
  const auto index = static_cast<uint32_t>(rules_->rules_.size());
  for (const PlacedPattern& placed : domains) {
    rules_->tables_->rule_domains.Add(placed.pattern, index);
  }
  if (type != nullptr) {
    const uint32_t property = UseProperty(type, rule.source.property);
    rule.source = rules_->properties_[property].source;
    for (std::string& name : rule.format.Names()) {
      if (name == "value" || name == rule.source.property) continue;
      const uint32_t further = UseProperty(type, name);
      rule.further.push_back({.name = std::move(name), .property = further});
    }
  }
  rules_->rules_.push_back(std::move(rule));
}

uint32_t ConfigReader::UseProperty(const std::shared_ptr<const ProviderType>& type,
                                   const std::string& name) {
  std::vector<PropertyInUse>& properties = rules_->properties_;
  const auto found = std::ranges::find_if(properties, [&](const PropertyInUse& used) {
    return used.source.provider == type->name && used.source.property == name;
  });
  if (found != properties.end()) return static_cast<uint32_t>(found - properties.begin());
  PropertyInUse& used = properties.emplace_back();
  used.property = type->Find(name);
  used.source.kind = CredentialSource::Kind::kProvider;
  used.source.provider = type->name;
  used.source.property = name;
  used.source.variables = used.property->discover;
  return static_cast<uint32_t>(properties.size() - 1);
}

void ConfigReader::AllowHosts(const ProviderType& type) {
  RuleSet::Tables& tables = *rules_->tables_;
  const auto allow = [&](const Pattern& host) {
    tables.lists.Add(host, static_cast<uint32_t>(tables.list_entries.size()));
    tables.list_entries.push_back(
        {.blocked = false, .label = fmt::format("provider {}", type.name)});
  };
  for (const Pattern& host : type.hosts) allow(host);
  for (const ProviderRule& provided : type.rules) {
    for (const Pattern& domain : provided.domains) allow(domain);
  }
}

void ConfigReader::Attach(const std::shared_ptr<const ProviderType>& type) {
  if (rules_->rules_.size() + type->rules.size() > kMaxRules) {
    errors_.Add(root_, "credentials",
                fmt::format("with those of the attached providers there are more than {} rules",
                            kMaxRules));
    return;
  }
  const std::string label = fmt::format("provider {}", type->name);
  for (const ProviderRule& provided : type->rules) {
    RuleDomains domains = {.patterns = {}, .value = &root_, .path = label};
    for (const Pattern& domain : provided.domains) {
      domains.patterns.push_back({.pattern = domain, .value = &root_, .path = label});
    }
    AddRule(provided.rule, type, domains.patterns);
    CheckRuleIsNotBypassed(domains);
    CheckRuleIsReachable(domains);
  }
  for (const ProviderProperty& property : type->properties) {
    rules_->properties_[UseProperty(type, property.name)].attached = true;
  }
  rules_->attached_.push_back(type);
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

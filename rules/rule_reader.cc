#include "rules/rule_reader.h"

#include <algorithm>
#include <utility>

#include "base/status.h"
#include "rules/config_schema.h"
#include "rules/json_members.h"
#include "rules/text_form.h"

namespace sallyport::rules {
namespace {

using Kind = JsonValue::Kind;

RuleDomains ReadRuleDomains(const JsonValue& object, const std::string& path, ProblemList* errors) {
  RuleDomains domains;
  domains.path = MemberPath(path, "domain");
  domains.value = object.Find("domain");
  if (domains.value == nullptr) return domains;
  if (domains.value->kind == Kind::kString) {
    // A string is a list of one, but for its path.
    absl::StatusOr<Pattern> pattern = Pattern::Parse(domains.value->string);
    if (pattern.ok()) {
      domains.patterns.push_back(
          {.pattern = *std::move(pattern), .value = domains.value, .path = domains.path});
    } else {
      errors->Add(*domains.value, domains.path, std::string(Message(pattern.status())));
    }
    domains.complete = !domains.patterns.empty();
  } else {
    domains.patterns = ReadPatterns(*domains.value, domains.path, errors);
    domains.complete = domains.patterns.size() == domains.value->items.size();
  }
  if (GetBoolean(object, "publicSuffix", false)) return domains;
  for (const PlacedPattern& placed : domains.patterns) {
    if (!placed.pattern.SpansPublicSuffix()) continue;
    errors->Add(*placed.value, placed.path,
                "would send the credential to any name under a public suffix, where anybody can "
                "register one; name the hosts, or say \"publicSuffix\": true");
  }
  return domains;
}

void ReadTarget(const JsonValue& object, const std::string& path, CredentialRule* rule,
                ProblemList* errors) {
  if (const std::string* header = GetText(object, "header", TextForm::kHeaderName, path, errors)) {
    rule->target_kind = TargetKind::kHeader;
    rule->target = *header;
  }
  if (const std::string* query = GetText(object, "query", TextForm::kAny, path, errors)) {
    rule->target_kind = TargetKind::kQuery;
    rule->target = *query;
  }
}

void ReadFilters(const JsonValue& object, const std::string& path, CredentialRule* rule,
                 ProblemList* errors) {
  const auto read = [&](std::string_view key, TextForm form, auto&& take) {
    const JsonValue* list = GetMember(object, key, Kind::kArray);
    if (list == nullptr) return;
    for (size_t i = 0; i < list->items.size(); ++i) {
      const JsonValue& item = list->items[i];
      if (item.kind != Kind::kString) continue;
      absl::Status status = CheckText(item.string, form);
      if (status.ok()) status = take(item.string);
      if (status.ok()) continue;
      errors->Add(item, ItemPath(MemberPath(path, key), i), std::string(Message(status)));
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

void ReadFormat(const JsonValue& object, const std::string& path,
                const std::vector<std::string>& names, Template::UnknownNames unknown,
                CredentialRule* rule, ProblemList* errors) {
  const JsonValue* format = GetMember(object, "format", Kind::kString);
  if (format == nullptr) return;
  absl::StatusOr<Template> parsed = Template::Parse(format->string, names, unknown);
  if (parsed.ok()) {
    rule->format = *std::move(parsed);
  } else {
    errors->Add(*format, MemberPath(path, "format"), std::string(Message(parsed.status())));
  }
}

}  // namespace

std::vector<PlacedPattern> ReadPatterns(const JsonValue& list, const std::string& path,
                                        ProblemList* errors) {
  std::vector<PlacedPattern> patterns;
  for (size_t i = 0; i < list.items.size(); ++i) {
    const JsonValue& item = list.items[i];
    if (item.kind != Kind::kString) continue;
    absl::StatusOr<Pattern> pattern = Pattern::Parse(item.string);
    if (pattern.ok()) {
      patterns.push_back(
          {.pattern = *std::move(pattern), .value = &item, .path = ItemPath(path, i)});
    } else {
      errors->Add(item, ItemPath(path, i), std::string(Message(pattern.status())));
    }
  }
  return patterns;
}

ReadRule ReadCredentialRule(const JsonValue& object, const std::string& path,
                            const std::vector<std::string>& names, Template::UnknownNames unknown,
                            ProblemList* errors) {
  ReadRule read;
  CredentialRule& rule = read.rule;
  rule.name = path;
  if (const std::string* name = GetText(object, "name", TextForm::kAny, path, errors)) {
    rule.name = *name;
  }
  ReadTarget(object, path, &rule, errors);
  ReadFilters(object, path, &rule, errors);
  ReadFormat(object, path, names, unknown, &rule, errors);
  if (const std::string* placeholder =
          GetText(object, "placeholder", TextForm::kPlaceholder, path, errors)) {
    rule.placeholder = *placeholder;
  }
  rule.required = GetBoolean(object, "required", false);
  rule.continues = GetBoolean(object, "continue", false);
  rule.plaintext = GetBoolean(object, "plaintext", false);
  rule.body = GetBoolean(object, "body", false);
  rule.scrub = GetBoolean(object, "scrub", true) ? ScrubMode::kOn : ScrubMode::kOff;
  if (GetMember(object, "scrub", Kind::kString) != nullptr) rule.scrub = ScrubMode::kStrict;
  read.domains = ReadRuleDomains(object, path, errors);
  return read;
}

}  // namespace sallyport::rules

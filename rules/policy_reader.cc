#include "rules/policy_reader.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/status.h"
#include "rules/config_schema.h"
#include "rules/credential_rule.h"
#include "rules/guarded_address.h"
#include "rules/json_members.h"
#include "rules/shape_checker.h"
#include "rules/text_form.h"

namespace sallyport::rules {
namespace {

using Kind = JsonValue::Kind;

constexpr size_t kMaxPaths = 256;

// Lexically: "/usr//lib/./" is "/usr/lib".
std::string CleanPath(std::string_view path) {
  std::string clean;
  for (size_t start = 0; start < path.size();) {
    const size_t end = std::min(path.find('/', start), path.size());
    const std::string_view name = path.substr(start, end - start);
    if (!name.empty() && name != ".") clean.append("/").append(name);
    start = end + 1;
  }
  return clean.empty() ? "/" : clean;
}

std::string UpperCase(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return text;
}

// A policy's '*' stays within a label, where the network lists' "*." takes any number of them.
void KeepWithinLabel(std::string_view host, Pattern* pattern) {
  if (!host.starts_with("*.")) return;
  if (pattern->kind == Pattern::Kind::kSuffix) {
    pattern->kind = Pattern::Kind::kGlob;
    pattern->text.insert(0, "*.");
  } else if (pattern->text.starts_with("**.")) {
    pattern->text.erase(0, 1);
  }
}

absl::StatusOr<Pattern> ParsePolicyHost(const std::string& host) {
  RETURN_IF_ERROR(CheckText(host, TextForm::kPolicyHost));
  const bool bare_v6 = host.find(':') != host.npos && IpAddress::Parse(host).has_value();
  ASSIGN_OR_RETURN(Pattern pattern, Pattern::Parse(bare_v6 ? fmt::format("[{}]", host) : host));
  if (pattern.port != 0) {
    return absl::InvalidArgumentError("write the host alone; the port goes under \"port\"");
  }
  KeepWithinLabel(host, &pattern);
  return pattern;
}

std::string_view ChoiceOf(const JsonValue& object, std::string_view key) {
  const JsonValue* value = GetMember(object, key, Kind::kString);
  return value == nullptr ? std::string_view() : std::string_view(value->string);
}

AccessPreset PresetOf(const JsonValue& object) {
  const std::string_view access = ChoiceOf(object, "access");
  if (access == "read-only") return AccessPreset::kReadOnly;
  if (access == "read-write") return AccessPreset::kReadWrite;
  return access == "full" ? AccessPreset::kFull : AccessPreset::kNone;
}

}  // namespace

ParsedPolicy PolicyReader::Read() {
  if (root_.kind != Kind::kObject) {
    errors_.Add(root_, "", fmt::format("the file must hold an object, not {}", root_.KindName()));
  } else {
    CheckObject(root_, PolicyKeys(), "", &errors_);
    if (const JsonValue* filesystem = GetMember(root_, "filesystem_policy", Kind::kObject)) {
      ReadFilesystem(*filesystem);
    } else if (root_.Find("filesystem_policy") == nullptr) {
      policy_->spawn.filesystem = RestrictivePolicy()->spawn.filesystem;
    }
    if (const JsonValue* landlock = GetMember(root_, "landlock", Kind::kObject)) {
      if (ChoiceOf(*landlock, "compatibility") == "best_effort") {
        policy_->spawn.landlock = LandlockCompatibility::kBestEffort;
      }
    }
    if (const JsonValue* process = GetMember(root_, "process", Kind::kObject)) {
      ReadProcess(*process);
    }
    if (const JsonValue* entries = GetMember(root_, "network_policies", Kind::kObject)) {
      for (const JsonValue::Member& member : entries->members) ReadEntry(member);
    }
  }
  ParsedPolicy result;
  result.errors = errors_.Take();
  result.warnings = warnings_.Take();
  if (result.errors.empty()) result.policy = std::move(policy_);
  return result;
}

void PolicyReader::ReadFilesystem(const JsonValue& object) {
  FilesystemPolicy& filesystem = policy_->spawn.filesystem;
  filesystem.include_workdir = GetBoolean(object, "include_workdir", false);
  ReadPaths(object, "read_only", &filesystem.read_only);
  ReadPaths(object, "read_write", &filesystem.read_write);
  if (paths_ > kMaxPaths) {
    errors_.Add(object, "filesystem_policy",
                fmt::format("lists {} paths; the most is {}. Name a folder for what is in it",
                            paths_, kMaxPaths));
  }
  const std::vector<std::string>& writable = filesystem.read_write;
  if (const auto root = std::find(writable.begin(), writable.end(), "/"); root != writable.end()) {
    const auto index = static_cast<size_t>(root - writable.begin());
    const JsonValue* list = object.Find("read_write");
    errors_.Add(index < list->items.size() ? list->items[index] : *list,
                ItemPath("filesystem_policy.read_write", index),
                "the whole filesystem cannot be writable; name the folders that have to be");
  }
}

void PolicyReader::ReadPaths(const JsonValue& object, std::string_view key,
                             std::vector<std::string>* paths) {
  const JsonValue* list = GetMember(object, key, Kind::kArray);
  if (list == nullptr) return;
  paths_ += list->items.size();
  for (size_t i = 0; i < list->items.size(); ++i) {
    const JsonValue& item = list->items[i];
    if (item.kind != Kind::kString) continue;
    if (absl::Status status = CheckText(item.string, TextForm::kPolicyPath); !status.ok()) {
      errors_.Add(item, ItemPath(MemberPath("filesystem_policy", key), i),
                  std::string(Message(status)));
    }
    paths->push_back(CleanPath(item.string));
  }
}

void PolicyReader::ReadProcess(const JsonValue& object) {
  policy_->spawn.process = {.run_as_user = ReadIdentity(object, "run_as_user"),
                            .run_as_group = ReadIdentity(object, "run_as_group")};
}

std::string PolicyReader::ReadIdentity(const JsonValue& object, std::string_view key) {
  const JsonValue* value = object.Find(key);
  if (value == nullptr) return {};
  std::string identity = value->string;
  if (value->kind == Kind::kInteger) {
    identity = fmt::format("{}", value->integer);
  } else if (value->kind != Kind::kString) {
    return {};
  }
  if (absl::Status status = CheckText(identity, TextForm::kNotRoot); !status.ok()) {
    errors_.Add(*value, MemberPath("process", key), std::string(Message(status)));
  }
  return identity;
}

void PolicyReader::ReadEntry(const JsonValue::Member& member) {
  if (member.value.kind != Kind::kObject || member.repeated) return;
  const std::string path = MemberPath("network_policies", member.key);
  PolicyEntry entry;
  entry.key = entry.name = member.key;
  if (const std::string* name = GetText(member.value, "name", TextForm::kAny, path, &errors_)) {
    entry.name = *name;
  }
  if (const JsonValue* list = GetMember(member.value, "binaries", Kind::kArray)) {
    entry.binaries_label = MemberPath(path, "binaries");
    ReadBinaries(*list, entry.binaries_label, &entry);
  }
  const uint32_t index = policy_->network.AddEntry(std::move(entry));
  const JsonValue* endpoints = GetMember(member.value, "endpoints", Kind::kArray);
  if (endpoints == nullptr) return;
  for (size_t i = 0; i < endpoints->items.size(); ++i) {
    if (endpoints->items[i].kind != Kind::kObject) continue;
    ReadEndpoint(endpoints->items[i], ItemPath(MemberPath(path, "endpoints"), i), index);
  }
}

void PolicyReader::ReadBinaries(const JsonValue& list, const std::string& path,
                                PolicyEntry* entry) {
  for (size_t i = 0; i < list.items.size(); ++i) {
    const JsonValue& item = list.items[i];
    if (item.kind != Kind::kObject) continue;
    const std::string item_path = ItemPath(path, i);
    if (const std::string* binary =
            GetText(item, "path", TextForm::kBinaryGlob, item_path, &errors_)) {
      entry->binaries.push_back(CleanPath(*binary));
    }
    if (const JsonValue* harness = GetMember(item, "harness", Kind::kBoolean)) {
      warnings_.Add(*harness, MemberPath(item_path, "harness"),
                    "means nothing any more; leave it out");
    }
  }
}

void PolicyReader::ReadEndpoint(const JsonValue& object, const std::string& path, uint32_t entry) {
  PolicyEndpoint endpoint;
  endpoint.label = path;
  endpoint.entry = entry;
  std::vector<Pattern> patterns = ReadHost(object, path, ReadPorts(object, path));
  endpoint.exact_host = !patterns.empty() && patterns.front().kind == Pattern::Kind::kExact;
  ReadAllowedIps(object, path, &endpoint);
  ReadInspection(object, path, &endpoint);
  ReadRules(object, path, &endpoint);
  CheckProtocol(object, path, endpoint);
  CheckTwins(object, path, endpoint, patterns);
  policy_->network.AddEndpoint(std::move(endpoint), std::move(patterns));
}

std::vector<uint16_t> PolicyReader::ReadPorts(const JsonValue& object, const std::string& path) {
  std::vector<uint16_t> ports;
  const auto take = [&ports](const JsonValue& value) {
    if (value.kind != Kind::kInteger || value.integer < 1 || value.integer > 65535) return true;
    const auto port = static_cast<uint16_t>(value.integer);
    const bool fresh = std::find(ports.begin(), ports.end(), port) == ports.end();
    if (fresh) ports.push_back(port);
    return fresh;
  };
  if (const JsonValue* port = object.Find("port")) take(*port);
  if (const JsonValue* list = GetMember(object, "ports", Kind::kArray)) {
    for (size_t i = 0; i < list->items.size(); ++i) {
      if (take(list->items[i])) continue;
      warnings_.Add(list->items[i], ItemPath(MemberPath(path, "ports"), i),
                    "the port stands here for the second time");
    }
  }
  return ports;
}

std::vector<Pattern> PolicyReader::ReadHost(const JsonValue& object, const std::string& path,
                                            const std::vector<uint16_t>& ports) {
  Pattern host;  // "*", which is what an endpoint of addresses alone means
  const JsonValue* value = object.Find("host");
  if (value != nullptr) {
    if (value->kind != Kind::kString) return {};
    absl::StatusOr<Pattern> parsed = ParsePolicyHost(value->string);
    if (!parsed.ok()) {
      errors_.Add(*value, MemberPath(path, "host"), std::string(Message(parsed.status())));
      return {};
    }
    host = *std::move(parsed);
    if (host.kind != Pattern::Kind::kAny && host.SpansPublicSuffix()) {
      warnings_.Add(*value, MemberPath(path, "host"),
                    "takes in every name under a public suffix, where anybody can register one");
    }
  }
  std::vector<Pattern> patterns;
  for (const uint16_t port : ports) {
    patterns.push_back(host);
    patterns.back().port = port;
  }
  return patterns;
}

void PolicyReader::ReadAllowedIps(const JsonValue& object, const std::string& path,
                                  PolicyEndpoint* endpoint) {
  const JsonValue* list = GetMember(object, "allowed_ips", Kind::kArray);
  if (list == nullptr) return;
  for (size_t i = 0; i < list->items.size(); ++i) {
    const JsonValue& item = list->items[i];
    if (item.kind != Kind::kString) continue;
    const std::string item_path = ItemPath(MemberPath(path, "allowed_ips"), i);
    bool had_host_bits = false;
    const absl::StatusOr<Cidr> range = Cidr::Parse(item.string, &had_host_bits);
    if (!range.ok()) {
      errors_.Add(item, item_path, std::string(Message(range.status())));
      continue;
    }
    if (had_host_bits) {
      warnings_.Add(item, item_path,
                    fmt::format("has bits after its prefix; it is taken as {}", range->ToString()));
    }
    if (Classify(range->base) != AddressClass::kOrdinary) {
      warnings_.Add(item, item_path,
                    "loopback, link-local and metadata addresses are opened by an exact host:port "
                    "in network.allowedDomains of proxy-config.json alone");
    }
    endpoint->allowed_ips.push_back(*range);
  }
}

void PolicyReader::ReadInspection(const JsonValue& object, const std::string& path,
                                  PolicyEndpoint* endpoint) {
  const std::string_view protocol = ChoiceOf(object, "protocol");
  endpoint->inspects = protocol == "rest" || protocol == "websocket";
  endpoint->skips_tls = ChoiceOf(object, "tls") == "skip";
  endpoint->audits = ChoiceOf(object, "enforcement") == "audit";
  endpoint->allows_encoded_slash = GetBoolean(object, "allow_encoded_slash", false);
  endpoint->access = PresetOf(object);
  if (ChoiceOf(object, "tls") == "terminate") {
    warnings_.Add(*object.Find("tls"), MemberPath(path, "tls"),
                  "is the older name of \"auto\", which need not be written");
  }
}

void PolicyReader::ReadRules(const JsonValue& object, const std::string& path,
                             PolicyEndpoint* endpoint) {
  if (const JsonValue* rules = GetMember(object, "rules", Kind::kArray)) {
    for (size_t i = 0; i < rules->items.size(); ++i) {
      const JsonValue* allow = rules->items[i].kind == Kind::kObject
                                   ? GetMember(rules->items[i], "allow", Kind::kObject)
                                   : nullptr;
      if (allow == nullptr) continue;
      const std::string item_path = ItemPath(MemberPath(path, "rules"), i);
      endpoint->allow.push_back(ReadMatcher(*allow, MemberPath(item_path, "allow")));
    }
  }
  if (const JsonValue* rules = GetMember(object, "deny_rules", Kind::kArray)) {
    for (size_t i = 0; i < rules->items.size(); ++i) {
      if (rules->items[i].kind != Kind::kObject) continue;
      endpoint->deny.push_back(
          ReadMatcher(rules->items[i], ItemPath(MemberPath(path, "deny_rules"), i)));
    }
  }
}

RequestMatcher PolicyReader::ReadMatcher(const JsonValue& object, const std::string& path) {
  RequestMatcher matcher;
  matcher.label = path;
  if (const std::string* method =
          GetText(object, "method", TextForm::kMethodOrAny, path, &errors_)) {
    matcher.method = UpperCase(*method);
    if (matcher.method == "WEBSOCKET_TEXT") {
      errors_.Add(*object.Find("method"), MemberPath(path, "method"),
                  "is for WebSocket messages, which sallyport does not judge; a rule for GET lets "
                  "the WebSocket open");
    }
  }
  if (const std::string* glob = GetText(object, "path", TextForm::kPathGlob, path, &errors_)) {
    // Requests are normalised before they are matched, so what is not normal would never match.
    if (std::optional<std::string> normal = NormalizePath(*glob)) {
      matcher.path = *std::move(normal);
    } else {
      errors_.Add(*object.Find("path"), MemberPath(path, "path"),
                  "no path can match: it has a malformed %-escape, or \"..\" that leads above the "
                  "root");
    }
  }
  if (const JsonValue* query = GetMember(object, "query", Kind::kObject)) {
    ReadQuery(*query, MemberPath(path, "query"), &matcher);
  }
  return matcher;
}

void PolicyReader::ReadQuery(const JsonValue& object, const std::string& path,
                             RequestMatcher* matcher) {
  for (const JsonValue::Member& member : object.members) {
    QueryMatcher parameter;
    parameter.name = member.key;
    if (member.value.kind == Kind::kString) {
      if (const std::string* glob =
              GetText(object, member.key, TextForm::kParameterGlob, path, &errors_)) {
        parameter.globs.push_back(*glob);
      }
    } else if (const JsonValue* any = member.value.kind == Kind::kObject
                                          ? GetMember(member.value, "any", Kind::kArray)
                                          : nullptr) {
      const std::string list = MemberPath(MemberPath(path, member.key), "any");
      for (size_t i = 0; i < any->items.size(); ++i) {
        const JsonValue& item = any->items[i];
        if (item.kind != Kind::kString) continue;
        if (absl::Status status = CheckText(item.string, TextForm::kParameterGlob); !status.ok()) {
          errors_.Add(item, ItemPath(list, i), std::string(Message(status)));
        }
        parameter.globs.push_back(item.string);
      }
    }
    matcher->query.push_back(std::move(parameter));
  }
}

void PolicyReader::CheckProtocol(const JsonValue& object, const std::string& path,
                                 const PolicyEndpoint& endpoint) {
  const JsonValue* protocol = GetMember(object, "protocol", Kind::kString);
  constexpr std::array<std::string_view, 4> kOfRequests = {"access", "rules", "deny_rules",
                                                           "allow_encoded_slash"};
  if (!endpoint.inspects) {
    // What is no protocol at all was said already.
    if (protocol == nullptr || (!protocol->string.empty() && protocol->string != "tcp")) return;
    for (const std::string_view key : kOfRequests) {
      if (const JsonValue* value = object.Find(key)) {
        errors_.Add(*value, MemberPath(path, key),
                    "judges requests, which needs \"rest\" or \"websocket\" as protocol");
      }
    }
    return;
  }
  const bool access = object.Find("access") != nullptr;
  const bool rules = object.Find("rules") != nullptr;
  if (access && rules) {
    errors_.Add(*object.Find("rules"), MemberPath(path, "rules"),
                "cannot stand beside access; keep one of them");
  } else if (!access && !rules) {
    errors_.Add(*protocol, MemberPath(path, "protocol"),
                "has requests judged, but nothing says which are allowed: give access or rules");
  }
  if (endpoint.skips_tls) {
    errors_.Add(*object.Find("tls"), MemberPath(path, "tls"),
                "keeps requests unread, so that access and rules could not be held; leave out "
                "\"tls\", or the protocol and its rules");
  }
  if (protocol->string == "websocket") CheckMessages(object, path, endpoint);
}

void PolicyReader::CheckMessages(const JsonValue& object, const std::string& path,
                                 const PolicyEndpoint& endpoint) {
  if (endpoint.access == AccessPreset::kReadOnly) {
    errors_.Add(*object.Find("access"), MemberPath(path, "access"),
                "would keep the program from sending WebSocket messages, which sallyport does not "
                "judge; use \"full\", or a rule for GET");
  } else if (endpoint.access == AccessPreset::kNone && object.Find("rules") != nullptr) {
    warnings_.Add(*object.Find("rules"), MemberPath(path, "rules"),
                  "judge the request that opens a WebSocket; its messages pass unread");
  }
}

void PolicyReader::CheckTwins(const JsonValue& object, const std::string& path,
                              const PolicyEndpoint& endpoint,
                              const std::vector<Pattern>& patterns) {
  for (const Pattern& pattern : patterns) {
    const auto index = static_cast<uint32_t>(policy_->network.endpoints().size());
    const auto [twin, first] = named_.try_emplace(pattern.ToString(), index);
    if (first) continue;
    const PolicyEndpoint& other = policy_->network.endpoints()[twin->second];
    const bool clash =
        (endpoint.skips_tls && other.inspects) || (endpoint.inspects && other.skips_tls);
    if (!clash) continue;
    errors_.Add(object, path,
                fmt::format("names the same host and port as {}, and one of them says tls: skip "
                            "while the other has requests judged",
                            other.label));
  }
}

}  // namespace sallyport::rules

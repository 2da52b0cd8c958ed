#include "rules/provider_type_reader.h"

#include <re2/re2.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include <fmt/core.h>

#include "base/status.h"
#include "rules/config_schema.h"
#include "rules/json_members.h"
#include "rules/rule_reader.h"
#include "rules/shape_checker.h"
#include "rules/text_form.h"

namespace sallyport::rules {
namespace {

using Kind = JsonValue::Kind;

}  // namespace

ParsedProviderType ProviderTypeReader::Read() {
  if (root_.kind != Kind::kObject) {
    errors_.Add(root_, "", fmt::format("the file must hold an object, not {}", root_.KindName()));
  } else {
    CheckObject(root_, ProviderTypeKeys(), "", &errors_);
    if (const auto* name = GetText(root_, "type", TextForm::kProviderName, "", &errors_)) {
      type_->name = *name;
    }
    if (const auto* text = GetText(root_, "description", TextForm::kAny, "", &errors_)) {
      type_->description = *text;
    }
    type_->any_property = GetBoolean(root_, "any_property", false);
    if (const JsonValue* properties = GetMember(root_, "properties", Kind::kObject)) {
      for (const JsonValue::Member& member : properties->members) {
        if (member.value.kind != Kind::kObject || member.repeated) continue;
        ReadProperty(member.value, member.key, MemberPath("properties", member.key));
      }
      if (properties->members.empty()) {
        errors_.Add(*properties, "properties", "must hold at least one property");
      }
    }
    if (const JsonValue* hosts = GetMember(root_, "hosts", Kind::kArray)) {
      for (PlacedPattern& placed : ReadPatterns(*hosts, "hosts", &errors_)) {
        type_->hosts.push_back(std::move(placed.pattern));
      }
    }
    if (const JsonValue* rules = GetMember(root_, "credentials", Kind::kArray)) {
      for (size_t i = 0; i < rules->items.size(); ++i) {
        if (rules->items[i].kind != Kind::kObject) continue;
        ReadRule(rules->items[i], ItemPath("credentials", i));
      }
    }
    if (const JsonValue* files = GetMember(root_, "files", Kind::kArray)) {
      for (size_t i = 0; i < files->items.size(); ++i) {
        if (files->items[i].kind == Kind::kObject) ReadFile(files->items[i], ItemPath("files", i));
      }
    }
  }
  ParsedProviderType result;
  result.errors = errors_.Take();
  if (result.errors.empty()) result.type = std::move(type_);
  return result;
}

void ProviderTypeReader::ReadProperty(const JsonValue& object, const std::string& name,
                                      const std::string& path) {
  ProviderProperty property;
  property.name = name;
  if (const std::string* help = GetText(object, "help", TextForm::kAny, path, &errors_)) {
    property.help = *help;
  }
  property.secret = GetBoolean(object, "secret", true);
  property.required = GetBoolean(object, "required", false);
  if (const std::string* text = GetText(object, "pattern", TextForm::kAny, path, &errors_)) {
    re2::RE2::Options quiet;
    quiet.set_log_errors(false);
    auto pattern = std::make_shared<const re2::RE2>(*text, quiet);
    if (!pattern->ok()) {
      errors_.Add(*object.Find("pattern"), MemberPath(path, "pattern"),
                  fmt::format("not an RE2 expression: {}", pattern->error()));
    }
    property.pattern = std::move(pattern);
  }
  ReadVariables(object, "discover", path, &property.discover);
  ReadVariables(object, "project", path, &property.project);
  for (const std::string& variable : property.project) {
    ClaimVariable(*object.Find("project"), variable, MemberPath(path, "project"));
  }
  if (const std::string* text = GetText(object, "placeholder", TextForm::kAny, path, &errors_)) {
    absl::StatusOr<PlaceholderShape> shape = PlaceholderShape::Parse(*text);
    const absl::Status status = property.secret ? shape.status()
                                                : absl::InvalidArgumentError(
                                                      "is for secrets alone; programs get the "
                                                      "value itself of this property");
    if (status.ok()) {
      property.placeholder = *std::move(shape);
    } else {
      errors_.Add(*object.Find("placeholder"), MemberPath(path, "placeholder"),
                  std::string(Message(status)));
    }
  }
  type_->properties.push_back(std::move(property));
}

void ProviderTypeReader::ReadVariables(const JsonValue& object, std::string_view key,
                                       const std::string& path,
                                       std::vector<std::string>* variables) {
  const JsonValue* list = GetMember(object, key, Kind::kArray);
  if (list == nullptr) return;
  for (size_t i = 0; i < list->items.size(); ++i) {
    const JsonValue& item = list->items[i];
    if (item.kind != Kind::kString) continue;
    if (const absl::Status status = CheckText(item.string, TextForm::kVariable); !status.ok()) {
      errors_.Add(item, ItemPath(MemberPath(path, key), i), std::string(Message(status)));
    } else {
      variables->push_back(item.string);
    }
  }
}

void ProviderTypeReader::ClaimVariable(const JsonValue& at, const std::string& name,
                                       const std::string& path) {
  const auto [first, added] = claimed_.try_emplace(name, path);
  if (added) return;
  errors_.Add(at, path, fmt::format("sets {}, which {} sets too", name, first->second));
}

void ProviderTypeReader::ReadRule(const JsonValue& object, const std::string& path) {
  rules::ReadRule read = ReadCredentialRule(object, path, type_->PropertyNames(),
                                            Template::UnknownNames::kRefuse, &errors_);
  ProviderRule provided = {.rule = std::move(read.rule), .domains = {}};
  for (PlacedPattern& placed : read.domains.patterns) {
    provided.domains.push_back(std::move(placed.pattern));
  }
  CredentialRule& rule = provided.rule;
  if (object.Find("name") == nullptr) rule.name = fmt::format("{}.{}", type_->name, path);
  rule.source.kind = CredentialSource::Kind::kProvider;
  rule.source.provider = type_->name;
  int secrets = 0;
  for (const std::string& name : rule.format.Names()) {
    const auto property = std::ranges::find(type_->properties, name, &ProviderProperty::name);
    if (property == type_->properties.end() || !property->secret) continue;
    rule.source.property = name;
    ++secrets;
  }
  const JsonValue* format = GetMember(object, "format", Kind::kString);
  // A placeholder becomes one value, and a reply is searched for one.
  if (secrets != 1 && format != nullptr && rule.format.text() == format->string) {
    errors_.Add(*format, MemberPath(path, "format"),
                fmt::format("uses {} secret properties; each rule writes exactly one", secrets));
  }
  type_->rules.push_back(std::move(provided));
}

void ProviderTypeReader::ReadFile(const JsonValue& object, const std::string& path) {
  ProviderFile file;
  if (const auto* text = GetText(object, "path", TextForm::kProvidedFile, path, &errors_)) {
    file.path = *text;
    if (std::ranges::count(type_->files, file.path, &ProviderFile::path) > 0) {
      errors_.Add(*object.Find("path"), MemberPath(path, "path"), "stands here a second time");
    }
  }
  if (const JsonValue* mode = GetMember(object, "mode", Kind::kString)) {
    file.mode = static_cast<mode_t>(std::strtoul(mode->string.c_str(), nullptr, 8));
  }
  if (const auto* text = GetText(object, "template", TextForm::kLines, path, &errors_)) {
    absl::StatusOr<Template> contents = Template::ParseFile(*text, type_->PropertyNames());
    if (contents.ok()) {
      file.contents = *std::move(contents);
    } else {
      errors_.Add(*object.Find("template"), MemberPath(path, "template"),
                  std::string(Message(contents.status())));
    }
  }
  for (auto& [key, variable] : {std::pair{"file_variable", &file.file_variable},
                                std::pair{"folder_variable", &file.folder_variable}}) {
    if (const auto* name = GetText(object, key, TextForm::kVariable, path, &errors_)) {
      *variable = *name;
      ClaimVariable(*object.Find(key), *name, MemberPath(path, key));
    }
  }
  type_->files.push_back(std::move(file));
}

}  // namespace sallyport::rules

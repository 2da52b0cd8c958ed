#include "rules/provider_type.h"

#include <re2/re2.h>

#include <algorithm>
#include <cctype>

#include "rules/json_document.h"
#include "rules/provider_type_reader.h"
#include "rules/text_form.h"
#include "rules/yaml_document.h"

namespace sallyport::rules {
namespace {

// Far more than any type needs.
constexpr size_t kMaxBytes = size_t{256} * 1024;

// A property that the type does not list.
ProviderProperty FurtherProperty(std::string_view name) {
  std::string variable(name);
  std::ranges::transform(variable, variable.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  ProviderProperty property;
  property.name = name;
  property.discover = {variable};
  property.project = {std::move(variable)};
  return property;
}

}  // namespace

bool ProviderProperty::Accepts(std::string_view value) const {
  return pattern == nullptr || re2::RE2::FullMatch({value.data(), value.size()}, *pattern);
}

std::shared_ptr<const ProviderProperty> ProviderType::Find(std::string_view property) const {
  const auto found = std::ranges::find(properties, property, &ProviderProperty::name);
  if (found != properties.end()) return std::make_shared<const ProviderProperty>(*found);
  if (!any_property || !CheckText(property, TextForm::kPropertyName).ok()) return nullptr;
  return std::make_shared<const ProviderProperty>(FurtherProperty(property));
}

std::vector<std::string> ProviderType::PropertyNames() const {
  std::vector<std::string> names;
  names.reserve(properties.size());
  for (const ProviderProperty& property : properties) names.push_back(property.name);
  return names;
}

ParsedProviderType ParseProviderType(std::string_view text) {
  ParsedProviderType result;
  Problem problem;
  JsonValue root;
  if (!ParseYaml(text, "a provider type", kMaxBytes, &root, &problem)) {
    result.errors.push_back(std::move(problem));
    return result;
  }
  return ProviderTypeReader(root).Read();
}

bool LooksLikeProviderType(std::string_view text) {
  JsonValue root;
  Problem problem;
  return ParseYaml(text, "a provider type", kMaxBytes, &root, &problem) &&
         root.Find("version") == nullptr &&
         (root.Find("type") != nullptr || root.Find("properties") != nullptr);
}

}  // namespace sallyport::rules

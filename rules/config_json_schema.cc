#include <nlohmann/json.hpp>

#include "rules/config_schema.h"
#include "rules/policy.h"
#include "rules/provider_type.h"
#include "rules/proxy_config.h"
#include "rules/text_form.h"

namespace sallyport::rules {
namespace {

using Json = nlohmann::ordered_json;

Json ObjectSchema(std::span<const ConfigKey> keys);

Json TextSchema(const ConfigKey& key) {
  return {{"type", "string"}, {"pattern", TextFormRegex(key.form)}};
}

Json ListSchema(const ConfigKey& key, Json items) {
  Json schema = {{"type", "array"}, {"items", std::move(items)}};
  if (key.nonempty) schema["minItems"] = 1;
  return schema;
}

Json ChoiceSchema(const ConfigKey& key) {
  Json values = Json::array();
  if (key.shape == ValueShape::kBooleanOrChoice) values = {true, false};
  for (const std::string_view choice : key.choices) values.push_back(choice);
  return {{"enum", std::move(values)}};
}

Json MapSchema(const ConfigKey& key) {
  Json value = ObjectSchema(key.keys);
  if (key.shape == ValueShape::kTextOrObjectMap) {
    value = {{"oneOf", Json::array({TextSchema(key), std::move(value)})}};
  }
  return {{"type", "object"},
          {"propertyNames", {{"pattern", TextFormRegex(key.key_form)}}},
          {"additionalProperties", std::move(value)}};
}

Json ValueSchema(const ConfigKey& key) {
  switch (key.shape) {
    case ValueShape::kAnything:
      return Json::object();
    case ValueShape::kBoolean:
      return {{"type", "boolean"}};
    case ValueShape::kBooleanOrChoice:
    case ValueShape::kChoice:
      return ChoiceSchema(key);
    case ValueShape::kInteger:
      return {{"type", "integer"}, {"minimum", key.min}, {"maximum", key.max}};
    case ValueShape::kIntegerList:
      return ListSchema(key, {{"type", "integer"}, {"minimum", key.min}, {"maximum", key.max}});
    case ValueShape::kText:
      return TextSchema(key);
    case ValueShape::kTextOrInteger:
      return {{"oneOf", Json::array({TextSchema(key), Json{{"type", "integer"},
                                                           {"minimum", key.min},
                                                           {"maximum", key.max}}})}};
    case ValueShape::kTextList:
      return ListSchema(key, TextSchema(key));
    case ValueShape::kTextOrList:
      return {{"oneOf", Json::array({TextSchema(key), ListSchema(key, TextSchema(key))})}};
    case ValueShape::kTextOrObject:
      return {{"oneOf", Json::array({TextSchema(key), ObjectSchema(key.keys)})}};
    case ValueShape::kObject:
      return ObjectSchema(key.keys);
    case ValueShape::kObjectMap:
    case ValueShape::kTextOrObjectMap:
      return MapSchema(key);
    case ValueShape::kObjectList:
      return ListSchema(key, ObjectSchema(key.keys));
  }
  return Json::object();
}

// "Exactly (or at least) one of these keys": null where no key has the mark.
Json OneOfSchema(std::span<const ConfigKey> keys, OneOf mark) {
  Json choices = Json::array();
  for (const ConfigKey& key : keys) {
    if (key.one_of == mark) choices.push_back({{"required", Json::array({key.name})}});
  }
  return choices.empty()
             ? Json()
             : Json{{mark == OneOf::kDestination ? "anyOf" : "oneOf", std::move(choices)}};
}

Json ObjectSchema(std::span<const ConfigKey> keys) {
  Json schema = {{"type", "object"}, {"additionalProperties", false}};
  Json required = Json::array();
  Json needs = Json::object();
  for (const ConfigKey& key : keys) {
    if (!key.unenforced.empty()) continue;
    Json value = {{"description", key.description}};
    value.update(ValueSchema(key));
    if (!key.default_value.empty()) value["default"] = Json::parse(key.default_value);
    schema["properties"][std::string(key.name)] = std::move(value);
    if (key.required) required.push_back(key.name);
    if (!key.needs.empty()) needs[std::string(key.name)] = Json::array({key.needs});
  }
  if (!required.empty()) schema["required"] = std::move(required);
  if (!needs.empty()) schema["dependentRequired"] = std::move(needs);
  for (const OneOf mark : {OneOf::kSource, OneOf::kTarget, OneOf::kPort, OneOf::kDestination}) {
    if (Json choice = OneOfSchema(keys, mark); !choice.is_null()) {
      schema["allOf"].push_back(std::move(choice));
    }
  }
  return schema;
}

}  // namespace

std::string PolicySchema() {
  Json schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                 {"title", "policy.yaml"},
                 {"description",
                  "What a sandboxed program may read, write and reach, and which requests it may "
                  "make."}};
  schema.update(ObjectSchema(PolicyKeys()));
  return schema.dump(2) + "\n";
}

std::string ProviderTypeSchema() {
  Json schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                 {"title", "provider type"},
                 {"description",
                  "A kind of provider: its properties, where they are found, and into which "
                  "requests, variables and files they go."}};
  schema.update(ObjectSchema(ProviderTypeKeys()));
  return schema.dump(2) + "\n";
}

std::string ProxyConfigSchema() {
  Json schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                 {"title", "proxy-config.json"},
                 {"description",
                  "Which hosts a sandboxed program may reach, and which credentials "
                  "are written into its requests."}};
  schema.update(ObjectSchema(ConfigKeys()));
  return schema.dump(2) + "\n";
}

}  // namespace sallyport::rules

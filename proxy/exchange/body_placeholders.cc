#include "proxy/exchange/body_placeholders.h"

#include <algorithm>
#include <string>
#include <utility>

#include "proxy/exchange/content_coding.h"
#include "proxy/scrub/encoded_forms.h"
#include "rules/template.h"

namespace sallyport::proxy {
namespace {

constexpr std::array kFormats = {BodyFormat::kJson, BodyFormat::kForm, BodyFormat::kText};

// As a body of that format may hold it; with it unchanged, which sloppy programs write anywhere.
scrub::SecretStrings Spellings(BodyFormat format, std::string_view placeholder) {
  scrub::SecretStrings spellings;
  if (format == BodyFormat::kJson) spellings = scrub::JsonForms(placeholder);
  if (format == BodyFormat::kForm) spellings = scrub::UrlForms(placeholder);
  spellings.emplace_back(placeholder);
  return spellings;
}

}  // namespace

std::optional<BodyFormat> SearchableFormat(const http::HeaderList& headers) {
  const http::Header* content_type = headers.Find("content-type");
  if (content_type == nullptr || IsEncoded(headers)) return std::nullopt;
  std::string_view type = content_type->value.substr(0, content_type->value.find(';'));
  while (type.ends_with(' ') || type.ends_with('\t')) type.remove_suffix(1);
  const auto is = [type](std::string_view name) { return http::EqualsIgnoreCase(type, name); };
  const auto begins_with = [type](std::string_view prefix) {
    return http::EqualsIgnoreCase(type.substr(0, prefix.size()), prefix);
  };
  const auto ends_with = [type](std::string_view suffix) {
    return type.size() > suffix.size() &&
           http::EqualsIgnoreCase(type.substr(type.size() - suffix.size()), suffix);
  };
  // Messages with their lengths before them, of which the JSON is only a part.
  if (begins_with("application/grpc") || begins_with("application/connect+")) return std::nullopt;
  if (is("application/json") || is("text/json") || ends_with("+json") ||
      is("application/x-ndjson") || is("application/jsonl") || is("application/json-seq")) {
    return BodyFormat::kJson;
  }
  if (is("application/x-www-form-urlencoded")) return BodyFormat::kForm;
  if (begins_with("text/")) return BodyFormat::kText;
  return std::nullopt;
}

SecretString EncodeFor(BodyFormat format, std::string_view value) {
  switch (format) {
    case BodyFormat::kJson:
      return scrub::EscapeJson(value);
    case BodyFormat::kForm: {
      std::string encoded;
      rules::AppendUrlEncoded(value, &encoded);
      SecretString secret(encoded);
      WipeString(&encoded);
      return secret;
    }
    case BodyFormat::kText:
      break;
  }
  return SecretString(value);
}

BodyPlaceholders::BodyPlaceholders(const rules::PlaceholderIndex& index,
                                   const rules::RuleSet& rules) {
  std::array<scrub::SecretStrings, kFormats.size()> spellings;
  for (size_t entry = 0; entry < index.entries().size(); ++entry) {
    const rules::PlaceholderIndex::Entry& placeholder = index.entries()[entry];
    const bool searched = std::any_of(placeholder.rules.begin(), placeholder.rules.end(),
                                      [&rules](uint16_t rule) { return rules.rules()[rule].body; });
    if (!searched) continue;
    for (const BodyFormat format : kFormats) {
      const auto number = static_cast<size_t>(format);
      for (SecretString& spelling : Spellings(format, placeholder.placeholder)) {
        spellings[number].push_back(std::move(spelling));
        forms_[number].entries.push_back(entry);
      }
    }
  }
  for (size_t i = 0; i < spellings.size(); ++i) {
    forms_[i].patterns = scrub::PatternSet(spellings[i]);
  }
}

}  // namespace sallyport::proxy

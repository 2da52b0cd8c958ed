// A provider type as an attacker would write it: the parser ends, says what is wrong or gives a
// type that can be attached, whose rules answer and whose files can be made.

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "rules/provider_type.h"
#include "rules/provider_types.h"
#include "rules/proxy_config.h"

namespace {

using namespace sallyport::rules;

void Attach(const std::shared_ptr<const ProviderType>& type) {
  auto types = std::make_shared<ProviderTypes>();
  if (!types->Add(type).ok() || types->Find(type->name) != type) std::abort();
  const ParsedProxyConfig parsed =
      ParseProxyConfig("{}", Providers{.types = std::move(types), .attached = {type}});
  // What a type says is good beside an empty file.
  if (parsed.rules == nullptr || parsed.rules->rules().size() != type->rules.size()) std::abort();
  for (const CredentialRule& rule : parsed.rules->rules()) {
    const auto property = type->Find(rule.source.property);
    if (property == nullptr || !property->secret) std::abort();
    rule.Matches("GET", "/v1/messages");
    rule.format.Render([](std::string_view) { return "s3cret"; });
  }
  for (const std::string_view host : {"api.example.com:443", "a.b.test:80", "127.0.0.1:8080"}) {
    const Authority authority = *ParseAuthority(host, 443);
    RuleIndexes indexes;
    parsed.rules->FindRules(authority, &indexes);
    const HostDecision decision = parsed.rules->DecideHost(authority);
    if (decision.by.empty()) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  LooksLikeProviderType(text);
  const ParsedProviderType parsed = ParseProviderType(text);
  if ((parsed.type == nullptr) == parsed.errors.empty()) std::abort();
  for (const Problem& problem : parsed.errors) {
    if (problem.message.empty()) std::abort();
    FormatProblem("type.yaml", problem);
  }
  if (parsed.type == nullptr) return 0;
  for (const ProviderProperty& property : parsed.type->properties) {
    if (property.placeholder.Fill().size() < 8) std::abort();
    property.Accepts("s3cret");
  }
  for (const ProviderFile& file : parsed.type->files) {
    if ((file.mode & ~0666u) != 0 || file.path.find("/../") != file.path.npos) std::abort();
    file.contents.Render([](std::string_view) { return "placeholder"; });
  }
  Attach(parsed.type);
  return 0;
}

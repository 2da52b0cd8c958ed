// proxy-config.json as an attacker would write it: the parser ends, says what is wrong or gives
// rules that answer.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "rules/provider_types.h"
#include "rules/proxy_config.h"

namespace {

using namespace sallyport::rules;

void Try(std::string_view text, const Providers& providers) {
  const ParsedProxyConfig parsed = ParseProxyConfig(text, providers);
  if ((parsed.rules == nullptr) == parsed.errors.empty()) std::abort();
  for (const Problem& problem : parsed.errors) {
    if (problem.message.empty()) std::abort();
    FormatProblem("proxy-config.json", problem);
  }
  if (parsed.rules == nullptr) return;
  for (const CredentialRule& rule : parsed.rules->rules()) {
    for (const auto& further : rule.further) {
      if (parsed.rules->properties().at(further.property).property == nullptr) std::abort();
    }
  }
  for (const std::string_view host : {"api.example.com:443", "a.b.test:80", "127.0.0.1:8080",
                                      "[2001:db8::1]:443", "metadata.google.internal:80"}) {
    const Authority authority = *ParseAuthority(host, 443);
    const HostDecision decision = parsed.rules->DecideHost(authority);
    RuleIndexes indexes;
    parsed.rules->FindRules(authority, &indexes);
    for (const uint16_t index : indexes) {
      const CredentialRule& rule = parsed.rules->rules().at(index);
      rule.Matches("GET", "/v1/messages");
      rule.format.Render("s3cret");
    }
    const auto metadata = sallyport::IpAddress::Parse("169.254.169.254");
    const AddressDecision address = parsed.rules->JudgeAddress(*metadata, decision);
    if (address.by.empty() || decision.by.empty()) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static const auto& types = *new auto(ProviderTypes::BuiltIn());
  Try(text, {});
  Try(text, {.types = types, .attached = {}});
  Try(text, {.types = types, .attached = {types->Find("github"), types->Find("generic")}});
  return 0;
}

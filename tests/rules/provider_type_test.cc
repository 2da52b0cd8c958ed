#include "rules/provider_type.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "rules/built_in_provider_types.h"
#include "rules/provider_types.h"
#include "rules/proxy_config.h"

namespace sallyport::rules {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

constexpr std::string_view kGood = R"(type: example
description: An example
properties:
  user:
    help: A name
    secret: false
    pattern: "[a-z]+"
    discover: [EXAMPLE_USER]
  token:
    help: A token
    required: true
    discover: [EXAMPLE_TOKEN, OTHER_TOKEN]
    project: [EXAMPLE_TOKEN]
    placeholder: ex_{alnum:20}
hosts: ["cdn.example.com:443"]
credentials:
  - domain: [api.example.com, "*.api.example.com"]
    methods: [get]
    header: Authorization
    format: "Basic ${user ':' token | base64}"
files:
  - path: ~/.example/config
    mode: "0644"
    template: |
      user = ${user}
      token = ${token}
    file_variable: EXAMPLE_CONFIG
    folder_variable: EXAMPLE_HOME
)";

// kGood with `from` replaced.
std::string With(std::string_view from, std::string_view to) {
  std::string text(kGood);
  const size_t at = text.find(from);
  EXPECT_NE(at, text.npos) << from;
  return text.replace(at, from.size(), to);
}

std::shared_ptr<const ProviderType> Parse(std::string_view text) {
  ParsedProviderType parsed = ParseProviderType(text);
  for (const Problem& problem : parsed.errors) ADD_FAILURE() << FormatProblem("type", problem);
  return parsed.type;
}

TEST(ProviderTypeTest, ReadsAWholeType) {
  const auto type = Parse(kGood);
  ASSERT_NE(type, nullptr);
  EXPECT_EQ(type->name, "example");
  EXPECT_EQ(type->description, "An example");
  const auto token = type->Find("token");
  ASSERT_NE(token, nullptr);
  EXPECT_TRUE(token->secret);
  EXPECT_TRUE(token->required);
  EXPECT_THAT(token->discover, ElementsAre("EXAMPLE_TOKEN", "OTHER_TOKEN"));
  EXPECT_THAT(token->project, ElementsAre("EXAMPLE_TOKEN"));
  EXPECT_THAT(token->placeholder.Fill(), MatchesRegex("ex_[A-Za-z0-9]{20}"));
  EXPECT_TRUE(token->Accepts("anything at all"));
  const auto user = type->Find("user");
  EXPECT_FALSE(user->secret);
  EXPECT_TRUE(user->Accepts("somebody"));
  EXPECT_FALSE(user->Accepts("somebody else"));
  EXPECT_EQ(type->Find("other"), nullptr);

  ASSERT_EQ(type->rules.size(), 1u);
  const CredentialRule& rule = type->rules[0].rule;
  EXPECT_EQ(rule.name, "example.credentials[0]");
  EXPECT_EQ(rule.source.provider, "example");
  EXPECT_EQ(rule.source.property, "token");
  EXPECT_THAT(rule.methods, ElementsAre("GET"));
  EXPECT_EQ(type->rules[0].domains.size(), 2u);

  ASSERT_EQ(type->files.size(), 1u);
  const ProviderFile& file = type->files[0];
  EXPECT_EQ(file.path, "~/.example/config");
  EXPECT_EQ(file.mode, 0644u);
  EXPECT_EQ(file.file_variable, "EXAMPLE_CONFIG");
  EXPECT_EQ(file.folder_variable, "EXAMPLE_HOME");
  EXPECT_EQ(file.contents.Render([](std::string_view name) { return name; }).Reveal(),
            "user = user\ntoken = token\n");
}

TEST(ProviderTypeTest, SaysWhatIsWrongWhere) {
  struct Case {
    std::string text;
    std::string_view path;
    std::string_view message;
    int line;
  };
  const std::vector<Case> cases = {
      {"type: [", "", "", 1},
      {"- 1", "", "must hold an object", 1},
      {With("type: example\n", ""), "", "\"type\" is missing", 1},
      {With("type: example", "type: Example"), "type", "lower-case", 1},
      {With("hosts:", "host:"), "host", "did you mean \"hosts\"?", 15},
      {With("discover: [EXAMPLE_USER]", "discovr: [EXAMPLE_USER]"), "properties.user.discovr",
       "did you mean \"discover\"?", 8},
      {With("  user:", "  value:"), "properties.value", "meaning of its own", 4},
      {With("  user:", "  us-er:"), "properties.us-er", "letters, digits and '_'", 4},
      {With("pattern: \"[a-z]+\"", "pattern: \"[a-z\""), "properties.user.pattern",
       "not an RE2 expression", 7},
      {With("EXAMPLE_USER", "$EXAMPLE_USER"), "properties.user.discover[0]", "without \"$\"", 8},
      {With("secret: false", "secret: maybe"), "properties.user.secret", "true or false", 6},
      {With("secret: false", "placeholder: u-{hex:32}\n    secret: false"),
       "properties.user.placeholder", "for secrets alone", 6},
      {With("ex_{alnum:20}", "ex_{alnum:6}"), "properties.token.placeholder", "random bits", 14},
      {With("ex_{alnum:20}", "ex_{letters:20}"), "properties.token.placeholder", "{hex:32}", 14},
      {With("ex_{alnum:20}", "ex {alnum:20}"), "properties.token.placeholder", "without spaces",
       14},
      {With("discover: [EXAMPLE_USER]", "project: [EXAMPLE_TOKEN]"), "properties.token.project",
       "properties.user.project sets too", 13},
      {With("cdn.example.com:443", "cdn..example.com"), "hosts[0]", "empty label", 15},
      {With("*.api.example.com", "*.com"), "credentials[0].domain[1]", "public suffix", 17},
      {With("header: Authorization", "header: Host"), "credentials[0].header",
       "belongs to the connection", 19},
      {With("    header: Authorization\n", ""), "credentials[0]", "target is missing", 17},
      {With("methods: [get]", "envVar: TOKEN"), "credentials[0].envVar", "unknown key", 18},
      {With("methods: [get]", "placeholder: ex_01234567"), "credentials[0].placeholder",
       "unknown key", 18},
      {With("    format: \"Basic ${user ':' token | base64}\"\n", ""), "credentials[0]",
       "\"format\" is missing", 17},
      {With("user ':' token", "value"), "credentials[0].format",
       "unknown name \"value\"; what can stand here is user, token", 20},
      {With("user ':' token", "user"), "credentials[0].format", "uses 0 secret properties", 20},
      {With("~/.example/config", "config"), "files[0].path", "absolute path", 22},
      {With("~/.example/config", "~/../config"), "files[0].path", "\"..\"", 22},
      {With("\"0644\"", "0644"), "files[0].mode", "must be \"0400\"", 23},
      {With("\"0644\"", "\"4755\""), "files[0].mode", "must be \"0400\"", 23},
      {With("token = ${token}", "token = ${toke}"), "files[0].template", "unknown name \"toke\"",
       24},
      {With("EXAMPLE_HOME", "EXAMPLE_CONFIG"), "files[0].folder_variable",
       "files[0].file_variable sets too", 28},
  };
  for (const Case& c : cases) {
    const ParsedProviderType parsed = ParseProviderType(c.text);
    EXPECT_EQ(parsed.type, nullptr) << c.message;
    ASSERT_FALSE(parsed.errors.empty()) << c.message;
    EXPECT_EQ(parsed.errors[0].path, c.path) << parsed.errors[0].message;
    EXPECT_THAT(parsed.errors[0].message, HasSubstr(std::string(c.message)));
    EXPECT_EQ(parsed.errors[0].line, c.line) << parsed.errors[0].message;
  }
}

TEST(ProviderTypeTest, TwoSecretsInOneRuleAreAnError) {
  const ParsedProviderType parsed = ParseProviderType(With("    secret: false\n", ""));
  ASSERT_EQ(parsed.errors.size(), 1u);
  EXPECT_THAT(parsed.errors[0].message, HasSubstr("uses 2 secret properties"));
}

TEST(ProviderTypeTest, EveryErrorIsListedInTheOrderOfTheFile) {
  std::string text = With("type: example", "type: Example");
  text.replace(text.find("header: Authorization"), 6, "heade");
  const ParsedProviderType parsed = ParseProviderType(text);
  std::vector<std::string> paths;
  for (const Problem& problem : parsed.errors) paths.push_back(problem.path);
  EXPECT_THAT(paths, ElementsAre("type", "credentials[0]", "credentials[0].heade"));
}

TEST(ProviderTypeTest, AnyPropertyIsTheVariableOfItsName) {
  const auto type = ProviderTypes::BuiltIn()->Find("generic");
  ASSERT_NE(type, nullptr);
  const auto property = type->Find("my_api_key");
  ASSERT_NE(property, nullptr);
  EXPECT_THAT(property->discover, ElementsAre("MY_API_KEY"));
  EXPECT_THAT(property->project, ElementsAre("MY_API_KEY"));
  EXPECT_EQ(type->Find("not a name"), nullptr);
}

TEST(ProviderTypesTest, EveryTypeThatIsCompiledInIsGood) {
  EXPECT_EQ(ProviderTypes::BuiltIn()->all().size(), BuiltInProviderTypeTexts().size());
  for (const EmbeddedText& embedded : BuiltInProviderTypeTexts()) {
    const auto type = Parse(embedded.text);
    ASSERT_NE(type, nullptr) << embedded.text;
    EXPECT_EQ(type->name, embedded.name);
    // An added type's names cannot be these.
    ProviderTypes types = *ProviderTypes::BuiltIn();
    EXPECT_FALSE(types.Add(type).ok()) << type->name;
  }
}

TEST(ProviderTypesTest, AWrongNameIsToldTheNearest) {
  EXPECT_THAT(std::string(Message(ProviderTypes::BuiltIn()->Get("anthropc").status())),
              HasSubstr("did you mean \"anthropic\"?"));
  EXPECT_THAT(std::string(Message(ProviderTypes::BuiltIn()->Get("zzzzzzzzzz").status())),
              HasSubstr("\"github\""));
}

Providers WithTypes(std::vector<std::string_view> attached) {
  Providers providers = {.types = ProviderTypes::BuiltIn(), .attached = {}};
  for (const std::string_view name : attached) {
    providers.attached.push_back(providers.types->Find(name));
  }
  return providers;
}

TEST(ProvidersInConfigTest, ARuleGetsTheVariablesOfItsProperty) {
  const ParsedProxyConfig parsed = ParseProxyConfig(
      R"({"credentials": [{"domain": "a.test", "provider": "docker-hub", "property": "token",
          "header": "a", "format": "${username} ${value}"}]})",
      WithTypes({}));
  ASSERT_NE(parsed.rules, nullptr);
  const CredentialRule& rule = parsed.rules->rules().at(0);
  EXPECT_THAT(rule.source.variables, ElementsAre("DOCKERHUB_TOKEN", "DOCKER_PASSWORD"));
  ASSERT_EQ(rule.further.size(), 1u);
  EXPECT_EQ(rule.further[0].name, "username");
  ASSERT_EQ(parsed.rules->properties().size(), 2u);
  EXPECT_EQ(parsed.rules->properties()[rule.further[0].property].property->name, "username");
  EXPECT_FALSE(parsed.rules->properties()[0].attached);
}

TEST(ProvidersInConfigTest, AFormatMayNameAnyPropertyWhereTheTypeTakesAny) {
  const ParsedProxyConfig parsed = ParseProxyConfig(
      R"({"credentials": [{"domain": "a.test", "provider": "generic", "property": "key",
          "header": "a", "format": "${my_user} ${value}"}]})",
      WithTypes({}));
  ASSERT_NE(parsed.rules, nullptr);
  EXPECT_THAT(parsed.rules->rules().at(0).source.variables, ElementsAre("KEY"));
  EXPECT_THAT(parsed.rules->properties().at(1).source.variables, ElementsAre("MY_USER"));
}

TEST(ProvidersInConfigTest, WhatATypeDoesNotHaveIsAnError) {
  const auto error = [](std::string_view members) {
    const ParsedProxyConfig parsed = ParseProxyConfig(
        fmt::format(R"({{"credentials": [{{"domain": "a.test", "header": "a", {}}}]}})", members),
        WithTypes({}));
    EXPECT_EQ(parsed.errors.size(), 1u);
    return FormatProblem("f", parsed.errors.at(0));
  };
  EXPECT_EQ(error(R"("provider": "gitub", "property": "token")"),
            "f: credentials[0].provider: no such provider type; did you mean \"github\"?");
  EXPECT_EQ(error(R"("provider": "github", "property": "api_key")"),
            "f: credentials[0].property: github has no such property; it has \"token\"");
  EXPECT_THAT(error(R"("provider": "github", "property": "token", "format": "${user} ${value}")"),
              HasSubstr("what can stand here is value, token"));
  EXPECT_THAT(error(R"("provider": "generic", "property": "token", "format": "${a-b} ${value}")"),
              HasSubstr("credentials[0].format: the name of a property must be letters"));
  EXPECT_EQ(error(R"("provider": "github")"),
            "f: credentials[0].provider: needs \"property\" beside it");
  EXPECT_THAT(error(R"("provider": "github", "property": 5)"), HasSubstr("must be a string"));
  EXPECT_THAT(error(R"("provider": "generic", "property": "a b")"),
              HasSubstr("generic has no such property"));
}

TEST(ProvidersInConfigTest, AnAttachedProvidersHostsAreAllowedAndItsRulesComeLast) {
  const ParsedProxyConfig parsed = ParseProxyConfig(
      R"({"policy": {"default": "deny"}, "network": {"blockedDomains": ["uploads.github.com:443"]},
          "credentials": [{"domain": "api.github.com", "envVar": "X", "header": "a"}]})",
      WithTypes({"github"}));
  ASSERT_NE(parsed.rules, nullptr);
  const auto decide = [&](std::string_view host) {
    return parsed.rules->DecideHost(*ParseAuthority(host, 443));
  };
  EXPECT_TRUE(decide("api.github.com:443").allowed);
  EXPECT_EQ(decide("api.github.com:443").by, "provider github");
  EXPECT_TRUE(decide("codeload.github.com:443").allowed);
  EXPECT_FALSE(decide("codeload.github.com:443").intercept);
  EXPECT_FALSE(decide("uploads.github.com:443").allowed);
  EXPECT_FALSE(decide("example.com:443").allowed);
  RuleIndexes indexes;
  parsed.rules->FindRules(*ParseAuthority("api.github.com:443", 443), &indexes);
  EXPECT_THAT(indexes, ElementsAre(0, 2));
  EXPECT_TRUE(parsed.rules->properties().at(0).attached);
  // Its rule for a host that the file blocks is doubtful, not wrong.
  EXPECT_EQ(parsed.warnings.size(), 1u);
}

TEST(ProvidersInConfigTest, ABypassedProviderIsAnError) {
  const ParsedProxyConfig parsed = ParseProxyConfig(
      R"({"network": {"bypassDomains": ["api.anthropic.com"]}})", WithTypes({"anthropic"}));
  ASSERT_EQ(parsed.errors.size(), 1u);
  EXPECT_THAT(FormatProblem("f", parsed.errors[0]),
              AllOf(HasSubstr("provider anthropic"), HasSubstr("bypassed")));
}

TEST(ProvidersInConfigTest, WithoutTypesAnyNameMayStand) {
  const ParsedProxyConfig parsed = ParseProxyConfig(
      R"({"credentials": [{"domain": "a.test", "provider": "work", "property": "x", "header": "a",
          "format": "${user} ${value}"}]})");
  ASSERT_NE(parsed.rules, nullptr);
  EXPECT_TRUE(parsed.rules->properties().empty());
  EXPECT_TRUE(parsed.rules->rules()[0].source.variables.empty());
}

TEST(LooksLikeProviderTypeTest, TellsItFromAPolicy) {
  EXPECT_TRUE(LooksLikeProviderType(kGood));
  EXPECT_TRUE(LooksLikeProviderType("type: x\nfils: []\n"));
  EXPECT_FALSE(LooksLikeProviderType("version: 1\nnetwork_policies: {}\n"));
  EXPECT_FALSE(LooksLikeProviderType("version: 1\ntype: x\n"));
  EXPECT_FALSE(LooksLikeProviderType("type: ["));
}

}  // namespace
}  // namespace sallyport::rules

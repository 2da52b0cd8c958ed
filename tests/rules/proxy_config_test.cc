#include "rules/proxy_config.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace sallyport::rules {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

// JSON with ' for ".
std::string Json(std::string_view text) {
  std::string json(text);
  std::ranges::replace(json, '\'', '"');
  return json;
}

std::vector<std::string> Lines(const std::vector<Problem>& problems) {
  std::vector<std::string> lines;
  lines.reserve(problems.size());
  for (const Problem& problem : problems) lines.push_back(problem.path + ": " + problem.message);
  return lines;
}

std::vector<std::string> Paths(const std::vector<Problem>& problems) {
  std::vector<std::string> paths;
  paths.reserve(problems.size());
  for (const Problem& problem : problems) paths.push_back(problem.path);
  return paths;
}

ParsedProxyConfig Parse(std::string_view text) { return ParseProxyConfig(Json(text)); }

// A file with one credential rule of these members.
ParsedProxyConfig ParseRule(std::string_view members) {
  return Parse(fmt::format("{{'credentials': [{{{}}}]}}", members));
}

TEST(ProxyConfigTest, EveryKeyIsOptional) {
  for (const std::string_view text : {"{}", "{'policy': {}, 'network': {}, 'credentials': []}",
                                      "{'$schema': 3}", "\xef\xbb\xbf{}"}) {
    const ParsedProxyConfig parsed = Parse(text);
    EXPECT_THAT(Lines(parsed.errors), IsEmpty()) << text;
    EXPECT_NE(parsed.rules, nullptr) << text;
  }
}

TEST(ProxyConfigTest, CommentsOfBothKindsAreAccepted) {
  const ParsedProxyConfig parsed =
      Parse("// first\n{ /* a\n* b */ 'policy': // here\n {'logBlocked': true /**/} }\n// last");
  ASSERT_THAT(Lines(parsed.errors), IsEmpty());
  EXPECT_TRUE(parsed.rules->log_blocked());
  EXPECT_FALSE(parsed.rules->log_allowed());
}

TEST(ProxyConfigTest, ReadsEveryKeyOfARule) {
  const ParsedProxyConfig good = Parse(R"({'credentials': [
    {'name': 'main', 'domain': ['api.test', '*.api.test:443'], 'methods': ['get', 'POST'],
     'paths': ['/v1/**', '/%7euser'], 'command': ['/bin/helper', '', 'x y'], 'ttlSeconds': 60,
     'header': 'X-Api-Key', 'format': 'Key ${value | base64}', 'placeholder': 'sk-placeholder',
     'required': true, 'continue': true, 'plaintext': true, 'body': true, 'scrub': 'strict'},
    {'domain': 'a.test', 'envVar': '_A1', 'query': 'api key', 'scrub': false},
    {'domain': 'a.test', 'file': '/run/secrets/a', 'header': 'authorization', 'scrub': true},
    {'domain': 'a.test', 'provider': 'work', 'property': 'token', 'header': 'a'}]})");
  ASSERT_THAT(Lines(good.errors), IsEmpty());
  const std::vector<CredentialRule>& rules = good.rules->rules();
  ASSERT_THAT(rules, SizeIs(4));

  const CredentialRule& main = rules[0];
  EXPECT_EQ(main.name, "main");
  EXPECT_EQ(main.source.kind, CredentialSource::Kind::kCommand);
  EXPECT_THAT(main.source.command, ElementsAre("/bin/helper", "", "x y"));
  EXPECT_EQ(main.source.ttl, std::chrono::seconds(60));
  EXPECT_EQ(main.target_kind, TargetKind::kHeader);
  EXPECT_EQ(main.target, "X-Api-Key");
  EXPECT_EQ(main.format.text(), "Key ${value | base64}");
  EXPECT_EQ(main.placeholder, "sk-placeholder");
  EXPECT_THAT(main.methods, ElementsAre("GET", "POST"));
  EXPECT_THAT(main.paths, ElementsAre("/v1/**", "/~user"));
  EXPECT_TRUE(main.required && main.continues && main.plaintext && main.body);
  EXPECT_EQ(main.scrub, ScrubMode::kStrict);

  EXPECT_EQ(rules[1].name, "credentials[1]");
  EXPECT_EQ(rules[1].source.kind, CredentialSource::Kind::kEnvVar);
  EXPECT_EQ(rules[1].source.env_var, "_A1");
  EXPECT_EQ(rules[1].target_kind, TargetKind::kQuery);
  EXPECT_EQ(rules[1].target, "api key");
  EXPECT_EQ(rules[1].format.text(), "${value}");
  EXPECT_EQ(rules[1].scrub, ScrubMode::kOff);
  EXPECT_FALSE(rules[1].required || rules[1].continues || rules[1].plaintext || rules[1].body);

  EXPECT_EQ(rules[2].source.kind, CredentialSource::Kind::kFile);
  EXPECT_EQ(rules[2].source.file, "/run/secrets/a");
  EXPECT_EQ(rules[2].source.ttl, std::chrono::seconds(300));
  EXPECT_EQ(rules[2].scrub, ScrubMode::kOn);
  EXPECT_EQ(rules[3].source.kind, CredentialSource::Kind::kProvider);
  EXPECT_EQ(rules[3].source.provider, "work");
  EXPECT_EQ(rules[3].source.property, "token");
}

TEST(ProxyConfigTest, ProviderRulesMayUseProperties) {
  const ParsedProxyConfig parsed = ParseProxyConfig(R"({"credentials": [{"domain": "a.test",
    "provider": "work", "property": "password", "header": "a",
    "format": "Basic ${username ':' password | base64}"}]})");
  ASSERT_THAT(Lines(parsed.errors), IsEmpty());
  EXPECT_THAT(parsed.rules->rules()[0].format.Names(), ElementsAre("username", "password"));
}

TEST(ProxyConfigTest, ListsEveryProblemInFileOrder) {
  const ParsedProxyConfig parsed = Parse(R"({
    'polcy': {},
    'credentials': [
      {'format': 'x', 'header': 'Host', 'envVar': 'A', 'domain': 'a..b'},
      'text',
      {'domain': 'a.test'}
    ],
    'network': {'blockedCIDRs': ['x'], 'allowedDomains': ['ok.test', 7, 'a b'], 'intercept': 'some'},
    'policy': {'default': 'maybe', 'logAllowed': 'yes'}
  })");
  EXPECT_EQ(parsed.rules, nullptr);
  EXPECT_THAT(Paths(parsed.errors),
              ElementsAre("polcy", "credentials[0].format", "credentials[0].header",
                          "credentials[0].domain", "credentials[1]", "credentials[2]",
                          "credentials[2]", "network.blockedCIDRs[0]", "network.allowedDomains[1]",
                          "network.allowedDomains[2]", "network.intercept", "policy.default",
                          "policy.logAllowed"));
}

TEST(ProxyConfigTest, SuggestsTheNearestKey) {
  const struct {
    std::string_view text;
    std::string_view path;
    std::string_view suggestion;
  } cases[] = {
      {"{'polcy': {}}", "polcy", "policy"},
      {"{'Network': {}}", "Network", "network"},
      {"{'credentails': []}", "credentails", "credentials"},
      {"{'network': {'allowDomains': []}}", "network.allowDomains", "allowedDomains"},
      {"{'network': {'allowedDomain': []}}", "network.allowedDomain", "allowedDomains"},
      {"{'network': {'blockedCidrs': []}}", "network.blockedCidrs", "blockedCIDRs"},
      {"{'policy': {'logallowed': true}}", "policy.logallowed", "logAllowed"},
      {"{'credentials': [{'env': 'A'}]}", "credentials[0].env", "envVar"},
      {"{'credentials': [{'headers': 'A'}]}", "credentials[0].headers", "header"},
      {"{'credentials': [{'fromat': 'A'}]}", "credentials[0].fromat", "format"},
      {"{'credentials': [{'ttl': 3}]}", "credentials[0].ttl", "ttlSeconds"},
      {"{'policy': {'default': 'Deny'}}", "policy.default", "deny"},
      {"{'network': {'intercept': 'rule'}}", "network.intercept", "rules"},
  };
  for (const auto& c : cases) {
    EXPECT_THAT(
        Lines(Parse(c.text).errors),
        testing::Contains(AllOf(HasSubstr(std::string(c.path)),
                                HasSubstr(fmt::format("did you mean \"{}\"?", c.suggestion)))))
        << c.text;
  }
  EXPECT_THAT(Lines(Parse("{'zzz': 1}").errors),
              ElementsAre(AllOf(HasSubstr("unknown key"), Not(HasSubstr("did you mean")),
                                HasSubstr("\"policy\""))));
}

TEST(ProxyConfigTest, OddKeysAreQuotedInPaths) {
  EXPECT_THAT(Paths(Parse(R"({'a b\n': 1, '': 2})").errors),
              ElementsAre(R"(["a b\n"])", R"([""])"));
}

TEST(ProxyConfigTest, RefusesWrongTypes) {
  const struct {
    std::string_view text;
    std::string_view line;
  } cases[] = {
      {"[]", ": the file must hold an object, not a list"},
      {"3", ": the file must hold an object, not a number"},
      {"{'policy': []}", "policy: must be an object, not a list"},
      {"{'policy': {'default': true}}", "policy.default: must be \"allow\" or \"deny\", not true"},
      {"{'policy': {'logAllowed': 1}}", "policy.logAllowed: must be true or false, not a number"},
      {"{'network': null}", "network: must be an object, not null"},
      {"{'network': {'allowedDomains': 'a.test'}}",
       "network.allowedDomains: must be a list of strings, not a string"},
      {"{'network': {'allowedDomains': [['a']]}}",
       "network.allowedDomains[0]: must be a string, not a list"},
      {"{'network': {'blockedCIDRs': null}}",
       "network.blockedCIDRs: must be a list of strings, not null"},
      {"{'credentials': {}}", "credentials: must be a list of objects, not an object"},
      {"{'credentials': [[]]}", "credentials[0]: must be an object, not a list"},
  };
  for (const auto& c : cases) {
    EXPECT_THAT(Lines(Parse(c.text).errors), ElementsAre(std::string(c.line)));
  }
}

TEST(ProxyConfigTest, RefusesBadRules) {
  constexpr std::string_view kDomain = "'domain': 'api.test'";
  constexpr std::string_view kSource = "'envVar': 'A'";
  constexpr std::string_view kTarget = "'header': 'x'";
  const auto with = [&](std::string_view member) {
    return fmt::format("{}, {}, {}, {}", kDomain, kSource, kTarget, member);
  };
  const struct {
    std::string members;
    std::string_view path;
    std::string_view message;
  } cases[] = {
      {fmt::format("{}, {}", kSource, kTarget), "credentials[0]", "\"domain\" is missing"},
      {fmt::format("{}, {}", kDomain, kTarget), "credentials[0]", "source is missing"},
      {fmt::format("{}, {}", kDomain, kSource), "credentials[0]", "target is missing"},
      {with("'file': '/x'"), "credentials[0]", "2 sources"},
      {with("'query': 'x'"), "credentials[0]", "2 targets"},
      {with("'property': 'x'"), "credentials[0].property", "needs \"provider\""},
      {fmt::format("{}, {}, 'provider': 'x'", kDomain, kTarget), "credentials[0].provider",
       "needs \"property\""},
      {with("'ttlSeconds': 5"), "credentials[0].ttlSeconds", "needs \"command\""},
      {fmt::format("{}, {}, 'command': ['x'], 'ttlSeconds': 0", kDomain, kTarget),
       "credentials[0].ttlSeconds", "from 1 to"},
      {fmt::format("{}, {}, 'command': ['x'], 'ttlSeconds': 1.5", kDomain, kTarget),
       "credentials[0].ttlSeconds", "whole number"},
      {fmt::format("{}, {}, 'command': ['x'], 'ttlSeconds': 1e300", kDomain, kTarget),
       "credentials[0].ttlSeconds", "whole number"},
      {fmt::format("{}, {}, 'command': ['x'], 'ttlSeconds': '5'", kDomain, kTarget),
       "credentials[0].ttlSeconds", "not a string"},
      {fmt::format("{}, {}, 'command': []", kDomain, kTarget), "credentials[0].command",
       "at least one"},
      {fmt::format("{}, {}, 'command': 'ls'", kDomain, kTarget), "credentials[0].command",
       "list of strings"},
      {fmt::format("{}, {}, 'command': ['']", kDomain, kTarget), "credentials[0].command[0]",
       "absolute path"},
      {fmt::format("{}, {}, 'command': ['./x']", kDomain, kTarget), "credentials[0].command[0]",
       "absolute path"},
      {fmt::format("{}, {}, 'command': ['x', 'a\\u0000']", kDomain, kTarget),
       "credentials[0].command[1]", "NUL"},
      {fmt::format("{}, {}, 'file': 'x'", kDomain, kTarget), "credentials[0].file",
       "absolute path"},
      {fmt::format("{}, {}, 'file': '~/x'", kDomain, kTarget), "credentials[0].file",
       "absolute path"},
      {fmt::format("{}, {}, 'envVar': ''", kDomain, kTarget), "credentials[0].envVar",
       "name of a variable"},
      {fmt::format("{}, {}, 'envVar': '1A'", kDomain, kTarget), "credentials[0].envVar",
       "name of a variable"},
      {fmt::format("{}, {}, 'envVar': 'A=B'", kDomain, kTarget), "credentials[0].envVar",
       "name of a variable"},
      {fmt::format("{}, {}, 'envVar': '$A'", kDomain, kTarget), "credentials[0].envVar",
       "without \"$\""},
      {fmt::format("{}, {}, 'domain': []", kSource, kTarget), "credentials[0].domain",
       "at least one"},
      {fmt::format("{}, {}, 'domain': 3", kSource, kTarget), "credentials[0].domain",
       "a string or a list of strings"},
      {fmt::format("{}, {}, 'domain': ['a.test', 'a/b']", kSource, kTarget),
       "credentials[0].domain[1]", "no path"},
      {fmt::format("{}, {}, 'domain': '*.com'", kSource, kTarget), "credentials[0].domain",
       "publicSuffix"},
      {fmt::format("{}, {}, 'domain': ['a.test', '*.co.uk']", kSource, kTarget),
       "credentials[0].domain[1]", "publicSuffix"},
      {fmt::format("{}, {}, 'domain': 'x-*.github.io:443'", kSource, kTarget),
       "credentials[0].domain", "publicSuffix"},
      {fmt::format("{}, {}, 'domain': '*'", kSource, kTarget), "credentials[0].domain",
       "publicSuffix"},
      {fmt::format("{}, {}, 'domain': '~.*'", kSource, kTarget), "credentials[0].domain",
       "publicSuffix"},
      {with("'methods': []"), "credentials[0].methods", "at least one"},
      {with("'methods': ['GE T']"), "credentials[0].methods[0]", "not a method"},
      {with("'methods': ['']"), "credentials[0].methods[0]", "not a method"},
      {with("'paths': []"), "credentials[0].paths", "at least one"},
      {with("'paths': ['v1']"), "credentials[0].paths[0]", "begins with '/'"},
      {with("'paths': ['/a', '/v1?x']"), "credentials[0].paths[1]", "only the path"},
      {with("'paths': ['/%zz']"), "credentials[0].paths[0]", "malformed"},
      {with("'paths': ['/../x']"), "credentials[0].paths[0]", "above the root"},
      {with("'format': ''"), "credentials[0].format", "value is not used"},
      {with("'format': 'Bearer'"), "credentials[0].format", "value is not used"},
      {with("'format': 3"), "credentials[0].format", "not a number"},
      {with("'format': '${valeu}'"), "credentials[0].format", "unknown name \"valeu\""},
      {with("'format': '${value | base46}'"), "credentials[0].format", "unknown filter \"base46\""},
      {with("'format': '${value'"), "credentials[0].format", "not closed"},
      {with(R"('format': '${value}\r\nX: 1')"), "credentials[0].format", "control"},
      {with("'placeholder': 'short'"), "credentials[0].placeholder", "8 to 1024"},
      {with("'placeholder': 'with space inside'"), "credentials[0].placeholder", "visible"},
      {with("'scrub': 'maybe'"), "credentials[0].scrub", "true, false or \"strict\""},
      {with("'scrub': 1"), "credentials[0].scrub", "true, false or \"strict\""},
      {with("'required': 'yes'"), "credentials[0].required", "true or false"},
      {with("'publicSuffix': 'yes'"), "credentials[0].publicSuffix", "true or false"},
      {with("'name': ''"), "credentials[0].name", "empty"},
      {with("'name': 'a\\nb'"), "credentials[0].name", "control"},
      {fmt::format("{}, {}, 'query': ''", kDomain, kSource), "credentials[0].query", "empty"},
  };
  for (const auto& c : cases) {
    const ParsedProxyConfig parsed = ParseRule(c.members);
    EXPECT_THAT(Lines(parsed.errors),
                testing::Contains(AllOf(testing::StartsWith(fmt::format("{}: ", c.path)),
                                        HasSubstr(std::string(c.message)))))
        << c.members;
    EXPECT_EQ(parsed.rules, nullptr) << c.members;
  }
  EXPECT_THAT(Lines(ParseRule(with("'name': 'x'")).errors), IsEmpty());
}

TEST(ProxyConfigTest, RefusesHeadersThatFrameOrRoute) {
  const auto parse = [](std::string_view header) {
    return ParseRule(fmt::format("'domain': 'a.test', 'envVar': 'A', 'header': '{}'", header));
  };
  for (const std::string_view header : {"Host",
                                        "hOsT",
                                        "Content-Length",
                                        "Transfer-Encoding",
                                        "Connection",
                                        "Upgrade",
                                        "TE",
                                        "Trailer",
                                        "Keep-Alive",
                                        "Proxy-Authorization",
                                        "proxy-",
                                        "PROXY-Anything",
                                        ":authority",
                                        ":path",
                                        "",
                                        "X Y",
                                        "X:",
                                        "X\\u0000",
                                        "X\\r\\nY",
                                        "Ü",
                                        "X/Y",
                                        "(x)"}) {
    EXPECT_THAT(Paths(parse(header).errors), ElementsAre("credentials[0].header")) << header;
  }
  for (const std::string_view header : {"Authorization", "x-api-key", "Cookie", "Hosts", "X-Host",
                                        "TEA", "Proxy", "Trailers", "!#$%&*+-.^_`|~"}) {
    EXPECT_THAT(Lines(parse(header).errors), IsEmpty()) << header;
  }
}

TEST(ProxyConfigTest, AWholePublicSuffixNeedsToBeSaid) {
  const ParsedProxyConfig said = ParseRule(
      "'domain': ['*.com', '*', '~.*'], 'publicSuffix': true, 'envVar': 'A', 'header': 'x'");
  EXPECT_THAT(Lines(said.errors), IsEmpty());
  const ParsedProxyConfig listed = Parse(
      "{'network': {'allowedDomains': ['*.example.com', '*.co.uk', '*', '*.github.io:443'], "
      "'blockedDomains': ['*.com']}}");
  EXPECT_THAT(Lines(listed.errors), IsEmpty());
  EXPECT_THAT(Paths(listed.warnings),
              ElementsAre("network.allowedDomains[1]", "network.allowedDomains[3]"));
}

TEST(ProxyConfigTest, ARuleWhoseEveryHostIsBypassedIsAnError) {
  const auto parse = [](std::string_view domain, std::string_view network) {
    return Parse(
        fmt::format("{{'network': {{{}}}, 'credentials': [{{'domain': {}, "
                    "'publicSuffix': true, 'envVar': 'A', 'header': 'x'}}]}}",
                    network, domain));
  };
  const struct {
    std::string_view domain;
    std::string_view network;
    bool bypassed;
  } cases[] = {
      {"'api.test'", "'bypassDomains': ['api.test']", true},
      {"'api.test'", "'bypassDomains': ['*.test']", true},
      {"'api.test'", "'bypassDomains': ['*']", true},
      {"'api.test'", "'bypassDomains': ['api.test:443']", false},
      {"'api.test:443'", "'bypassDomains': ['api.test:443']", true},
      {"['api.test', 'b.test']", "'bypassDomains': ['api.test']", false},
      {"['api.test', 'b.test']", "'bypassDomains': ['api.test', 'b.*']", true},
      {"'*.test'", "'bypassDomains': ['api.test']", false},
      {"'192.0.2.1'", "'bypassCIDRs': ['192.0.2.0/24']", true},
      {"'192.0.2.0/25'", "'bypassCIDRs': ['192.0.2.0/24']", true},
      {"'192.0.2.0/23'", "'bypassCIDRs': ['192.0.2.0/24']", false},
      {"'api.test'", "'bypassCIDRs': ['0.0.0.0/0', '::/0']", false},
  };
  for (const auto& c : cases) {
    const ParsedProxyConfig parsed = parse(c.domain, c.network);
    if (c.bypassed) {
      EXPECT_THAT(Lines(parsed.errors),
                  ElementsAre(AllOf(HasSubstr("credentials[0].domain"), HasSubstr("bypassed"))))
          << c.domain << " " << c.network;
    } else {
      EXPECT_THAT(Lines(parsed.errors), IsEmpty()) << c.domain << " " << c.network;
    }
  }
}

TEST(ProxyConfigTest, WarnsOfARuleWhoseHostIsRefused) {
  const ParsedProxyConfig parsed = Parse(R"({'policy': {'default': 'deny'},
    'network': {'allowedDomains': ['b.test:443']},
    'credentials': [{'domain': ['a.test', 'b.test', '*.c.test'], 'envVar': 'A', 'header': 'x'}]})");
  EXPECT_THAT(Lines(parsed.errors), IsEmpty());
  EXPECT_THAT(Lines(parsed.warnings), ElementsAre(AllOf(HasSubstr("credentials[0].domain[0]"),
                                                        HasSubstr("policy.default"))));
}

TEST(ProxyConfigTest, WarnsOfHostBitsInARange) {
  const ParsedProxyConfig parsed =
      Parse("{'network': {'blockedCIDRs': ['10.1.2.3/8', '10.0.0.1']}}");
  EXPECT_THAT(Lines(parsed.errors), IsEmpty());
  EXPECT_THAT(Lines(parsed.warnings),
              ElementsAre(AllOf(HasSubstr("network.blockedCIDRs[0]"), HasSubstr("10.0.0.0/8"))));
}

TEST(ProxyConfigTest, OneVariableHasOnePlaceholder) {
  const auto parse = [](std::string_view second) {
    return Parse(
        fmt::format("{{'credentials': [{{'domain': 'a.test', 'envVar': 'A', 'header': 'x', "
                    "'placeholder': 'placeholder-1'}}, {{'domain': 'b.test', 'envVar': 'A', "
                    "'header': 'x'{}}}]}}",
                    second));
  };
  EXPECT_THAT(Lines(parse("").errors), IsEmpty());
  EXPECT_THAT(Lines(parse(", 'placeholder': 'placeholder-1'").errors), IsEmpty());
  EXPECT_THAT(Paths(parse(", 'placeholder': 'placeholder-2'").errors),
              ElementsAre("credentials[1].placeholder"));
}

TEST(ProxyConfigTest, AKeyGivenTwiceIsAnError) {
  const ParsedProxyConfig parsed =
      Parse("{'policy': {'default': 'deny', 'default': 'allow'}, 'network': {}, 'network': {}}");
  EXPECT_THAT(Lines(parsed.errors),
              ElementsAre(AllOf(HasSubstr("policy.default"), HasSubstr("second time")),
                          AllOf(HasSubstr("network"), HasSubstr("second time"))));
}

TEST(ProxyConfigTest, SaysWhereAFileDoesNotParse) {
  const struct {
    std::string_view text;
    int line;
    int column;
  } cases[] = {
      {"", 1, 1},
      {"{\n  'network': {\n    'allowedDomains': [,]\n  }\n}", 3, 24},
      {"{'a'", 1, 5},
      {"{} {}", 1, 4},
      {"{'a': 1,}", 1, 9},
      {"{'ü': nul}", 1, 10},
      {"{\n'a': 'x\ny'}", 2, 8},
      {"{'policy': '\xff'}", 1, 13},
      {"{'a': 1e999}", 1, 11},
      {"{ /* not closed", 1, 16},
      {"{} # comment", 1, 4},
  };
  for (const auto& c : cases) {
    const ParsedProxyConfig parsed = Parse(c.text);
    ASSERT_THAT(parsed.errors, SizeIs(1)) << c.text;
    EXPECT_EQ(parsed.errors[0].line, c.line) << c.text;
    EXPECT_EQ(parsed.errors[0].column, c.column) << c.text;
    EXPECT_FALSE(parsed.errors[0].message.empty()) << c.text;
    EXPECT_EQ(parsed.rules, nullptr) << c.text;
  }
}

TEST(ProxyConfigTest, ANulByteDoesNotHideWhatFollows) {
  using std::string_literals::operator""s;
  const ParsedProxyConfig parsed = ParseProxyConfig("{}\n \0{\"nonsense\": 1}"s);
  ASSERT_THAT(parsed.errors, SizeIs(1));
  EXPECT_EQ(parsed.errors[0].line, 2);
  EXPECT_EQ(parsed.errors[0].column, 2);
}

TEST(ProxyConfigTest, DeepNestingAndHugeInputAreRefusedInTime) {
  for (const std::string& text :
       {std::string(1 << 20, '['), "{\"a\":" + std::string(1 << 20, '[')}) {
    EXPECT_THAT(Lines(ParseProxyConfig(text).errors), ElementsAre(HasSubstr("nested")));
  }
  std::string objects;
  for (int i = 0; i < 100000; ++i) objects += "{\"a\":";
  EXPECT_THAT(Lines(ParseProxyConfig(objects).errors), ElementsAre(HasSubstr("nested")));
  std::string many = "{\"network\":{\"allowedDomains\":[\"a.test\"";
  for (int i = 0; i < 100000; ++i) many += ",\"a b\"";
  EXPECT_THAT(ParseProxyConfig(many + "]}}").errors, SizeIs(100000));
  std::string rules = "{\"credentials\":[{}";
  for (int i = 0; i < 65536; ++i) rules += ",{}";
  EXPECT_THAT(Lines(ParseProxyConfig(rules + "]}").errors),
              testing::Contains("credentials: holds more than 65535 rules"));
}

// Somebody will put the credential itself where its name belongs.
TEST(ProxyConfigTest, NoProblemRepeatsWhatMayBeACredential) {
  constexpr std::string_view kSecret = "sk-ant-api03-S3CR3T";
  for (const std::string_view member :
       {"'envVar': '{}'", "'file': '{}'", "'command': ['./{}']", "'header': '{} x'",
        "'format': '{}'", "'format': '${{{}}}'", "'format': '${{value | {}}}'",
        "'placeholder': '{} x'", "'scrub': '{}'", "'methods': ['{} x']", "'paths': ['{}']",
        "'name': '{}\\n'", "'query': '{}\\n'", "'domain': '{} x'", "'ttlSeconds': '{}'",
        "'envVar': {}", "'envVar': '{}", "'envVar': '{}\t'"}) {
    const ParsedProxyConfig parsed = ParseRule(fmt::format(fmt::runtime(member), kSecret));
    ASSERT_THAT(parsed.errors, Not(IsEmpty())) << member;
    for (const Problem& problem : parsed.errors) {
      EXPECT_THAT(problem.path + problem.message, Not(HasSubstr("S3CR3T"))) << member;
    }
  }
}

TEST(ProxyConfigTest, ProblemsAreFormattedWithTheirPlace) {
  EXPECT_EQ(FormatProblem("a.json", {.path = "x[1].y", .message = "bad"}), "a.json: x[1].y: bad");
  EXPECT_EQ(FormatProblem("a.json", {.path = "", .message = "bad", .line = 3, .column = 17}),
            "a.json:3:17: bad");
  EXPECT_EQ(FormatProblem("a.json", {.path = "", .message = "bad"}), "a.json: bad");
}

}  // namespace
}  // namespace sallyport::rules

#include "rules/network_policy.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rules/credential_rule.h"
#include "rules/policy.h"

namespace sallyport::rules {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Authority At(std::string_view text) { return *ParseAuthority(text, 443); }

std::shared_ptr<const Policy> Parse(std::string_view text) {
  ParsedPolicy parsed = ParsePolicy(text);
  for (const Problem& problem : parsed.errors) {
    ADD_FAILURE() << FormatProblem("policy.yaml", problem);
  }
  return parsed.policy;
}

// A policy with one entry "e" that has these endpoints.
std::shared_ptr<const Policy> WithEndpoints(std::initializer_list<std::string_view> endpoints) {
  std::string text = "version: 1\nnetwork_policies:\n  e:\n    endpoints:\n";
  for (const std::string_view endpoint : endpoints)
    text += fmt::format("      - {{{}}}\n", endpoint);
  return Parse(text);
}

// A request with a path as it was sent.
RequestDecision Ask(const Policy& policy, std::string_view method, std::string_view target,
                    std::string_view authority = "a.test:443") {
  const NetworkDecision host = policy.network.Decide(At(authority));
  const size_t question = std::min(target.find('?'), target.size());
  const std::string path = NormalizePath(target.substr(0, question)).value();
  return policy.network.DecideRequest(host, method, path,
                                      target.substr(std::min(question + 1, target.size())));
}

TEST(NetworkPolicyTest, HostsMatchInCanonicalFormOnTheirPorts) {
  const auto policy =
      WithEndpoints({"host: API.test, port: 443", "host: b.test, ports: [80, 8080]",
                     "host: '*.star.test', port: 443", "host: '**.deep.test', port: 443",
                     "host: 'api-*.eu.test', port: 443", "host: 'a.*.mid.test', port: 443",
                     "host: 192.0.2.7, port: 443", "host: '2001:db8::1', port: 443",
                     "host: bücher.test, port: 443"});
  const struct {
    std::string_view authority;
    bool allowed;
  } cases[] = {
      {"api.test:443", true},
      {"API.TEST.:443", true},
      {"api.test:80", false},
      {"x.api.test:443", false},
      {"evil-api.test:443", false},
      {"api.test.evil:443", false},
      {"b.test:80", true},
      {"b.test:8080", true},
      {"b.test:443", false},
      {"x.star.test:443", true},
      {"star.test:443", false},
      {"x.y.star.test:443", false},
      {"x.deep.test:443", true},
      {"x.y.deep.test:443", true},
      {"deep.test:443", false},
      {"api-1.eu.test:443", true},
      {"api.eu.test:443", false},
      {"x.api-1.eu.test:443", false},
      {"a.b.mid.test:443", true},
      {"a.b.c.mid.test:443", false},
      {"192.0.2.7:443", true},
      {"0xc0.0.2.7:443", true},
      {"[::ffff:192.0.2.7]:443", true},
      {"[2001:db8:0::1]:443", true},
      {"xn--bcher-kva.test:443", true},
      {"other.test:443", false},
  };
  for (const auto& c : cases) {
    const NetworkDecision decision = policy->network.Decide(At(c.authority));
    EXPECT_EQ(decision.allowed, c.allowed) << c.authority;
    EXPECT_EQ(decision.by == "network_policies", !c.allowed) << c.authority;
  }
}

TEST(NetworkPolicyTest, TheDecisionNamesItsEndpoint) {
  const auto policy = WithEndpoints(
      {"host: a.test, port: 443", "host: '*.test', port: 443, protocol: rest, access: full"});
  const NetworkDecision decision = policy->network.Decide(At("a.test"));
  EXPECT_THAT(decision.endpoints, ElementsAre(0, 1));
  // The one that judges requests.
  EXPECT_EQ(decision.by, "network_policies.e.endpoints[1]");
  EXPECT_TRUE(decision.inspects);
  EXPECT_TRUE(decision.exact_host);
  EXPECT_EQ(policy->network.Decide(At("b.test")).exact_host, false);
}

TEST(NetworkPolicyTest, BinariesNarrowWhoMayConnect) {
  const auto policy = Parse(R"(
version: 1
network_policies:
  git:
    endpoints: [{host: a.test, port: 443}]
    binaries: [{path: /usr/bin/git}, {path: "/opt/*/bin/tool"}, {path: "/srv/**"}]
  anybody:
    endpoints: [{host: b.test, port: 443}]
)");
  const struct {
    std::string_view binary;
    bool allowed;
  } cases[] = {
      {"/usr/bin/git", true},    {"/usr/bin/git2", false},     {"/usr/bin/curl", false},
      {"/opt/x/bin/tool", true}, {"/opt/x/y/bin/tool", false}, {"/srv/a/b/c", true},
      {"/srvx", false},
  };
  for (const auto& c : cases) {
    const std::vector<std::string> binaries = {std::string(c.binary)};
    const NetworkDecision decision = policy->network.DecideFor(At("a.test"), binaries);
    EXPECT_EQ(decision.allowed, c.allowed) << c.binary;
    EXPECT_TRUE(decision.lists_binaries);
    EXPECT_EQ(decision.client, c.allowed ? ClientRefusal::kNone : ClientRefusal::kNotListed);
    EXPECT_EQ(decision.by,
              c.allowed ? "network_policies.git.endpoints[0]" : "network_policies.git.binaries");
    EXPECT_TRUE(policy->network.DecideFor(At("b.test"), binaries).allowed) << c.binary;
  }
  EXPECT_TRUE(policy->network.lists_binaries());
  EXPECT_TRUE(policy->network.Decide(At("a.test")).allowed);  // by somebody
  EXPECT_THAT(policy->network.BinariesOf(0),
              ElementsAre("/usr/bin/git", "/opt/*/bin/tool", "/srv/**"));
  EXPECT_THAT(policy->network.BinariesOf(1), IsEmpty());
}

TEST(NetworkPolicyTest, EveryHolderOfAConnectionIsAsked) {
  const auto policy = Parse(R"(
version: 1
network_policies:
  both: {endpoints: [{host: a.test, port: 443}], binaries: [{path: /bin/x}, {path: /bin/y}]}
  one: {endpoints: [{host: b.test, port: 443}], binaries: [{path: /bin/x}]}
  open: {endpoints: [{host: b.test, port: 443}, {host: c.test, port: 443}]}
)");
  const auto client_at = [&](std::string_view host, const std::vector<std::string>& binaries) {
    const NetworkDecision decision = policy->network.DecideFor(At(host), binaries);
    EXPECT_EQ(decision.allowed, decision.client == ClientRefusal::kNone);
    EXPECT_EQ(decision.endpoints.empty(), !decision.allowed);
    return decision.client;
  };
  EXPECT_EQ(client_at("a.test", {"/bin/x", "/bin/y"}), ClientRefusal::kNone);
  EXPECT_EQ(client_at("a.test", {"/bin/x", "/bin/z"}), ClientRefusal::kShared);
  EXPECT_EQ(client_at("a.test", {"/bin/z", "/bin/w"}), ClientRefusal::kNotListed);
  // What is open to everybody does not make up for a list that names one of two.
  EXPECT_EQ(client_at("b.test", {"/bin/x", "/bin/y"}), ClientRefusal::kShared);
  EXPECT_EQ(client_at("b.test", {"/bin/y"}), ClientRefusal::kNone);
  // Nor is who hides taken for one of those it is open to: a list may hold deny rules.
  EXPECT_EQ(client_at("b.test", {}), ClientRefusal::kUnknown);
  EXPECT_EQ(client_at("c.test", {}), ClientRefusal::kNone);
}

TEST(NetworkPolicyTest, PresetsAllowMethods) {
  const struct {
    std::string_view access;
    std::vector<std::string_view> allowed;
    std::vector<std::string_view> refused;
  } cases[] = {
      {"read-only", {"GET", "HEAD", "OPTIONS"}, {"POST", "PUT", "PATCH", "DELETE", "get", "TRACE"}},
      {"read-write", {"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH"}, {"DELETE", "PROPFIND"}},
      {"full", {"GET", "DELETE", "PROPFIND", "BREW"}, {}},
  };
  for (const auto& c : cases) {
    const auto policy = WithEndpoints(
        {fmt::format("host: a.test, port: 443, protocol: rest, access: {}", c.access)});
    for (const std::string_view method : c.allowed) {
      EXPECT_TRUE(Ask(*policy, method, "/any/path?x=y").allowed) << c.access << " " << method;
    }
    for (const std::string_view method : c.refused) {
      const RequestDecision decision = Ask(*policy, method, "/");
      EXPECT_FALSE(decision.allowed) << c.access << " " << method;
      EXPECT_EQ(decision.refusal, RequestRefusal::kNoRule);
      EXPECT_EQ(decision.by, "network_policies.e.endpoints[0]");
    }
  }
}

TEST(NetworkPolicyTest, RulesMatchMethodAndNormalisedPathAndDenyRulesWin) {
  const auto policy = WithEndpoints(
      {"host: a.test, port: 443, protocol: rest, rules: [{allow: {method: get, path: '/repos/**'}},"
       " {allow: {method: '*', path: '/repos/*/issues'}}],"
       " deny_rules: [{method: '*', path: '/repos/private/**'}, {method: GET, path: '/repos/x'}]"});
  const struct {
    std::string_view method;
    std::string_view target;
    RequestRefusal refusal;
    std::string_view by = "network_policies.e.endpoints[0]";
  } cases[] = {
      {"GET", "/repos/a", RequestRefusal::kNone},
      {"GET", "/repos/a/b?q=/../x", RequestRefusal::kNone},
      {"GET", "//repos///a", RequestRefusal::kNone},
      {"GET", "/r%65pos/a", RequestRefusal::kNone},
      {"POST", "/repos/a", RequestRefusal::kNoRule},
      {"POST", "/repos/a/issues", RequestRefusal::kNone},
      {"POST", "/repos/a/b/issues", RequestRefusal::kNoRule},
      {"GET", "/other", RequestRefusal::kNoRule},
      {"GET", "/REPOS/a", RequestRefusal::kNoRule},
      {"GET", "/repos/private/key", RequestRefusal::kDenyRule,
       "network_policies.e.endpoints[0].deny_rules[0]"},
      {"GET", "/repos/%70rivate/key", RequestRefusal::kDenyRule,
       "network_policies.e.endpoints[0].deny_rules[0]"},
      {"GET", "/repos/a/../private/key", RequestRefusal::kDenyRule,
       "network_policies.e.endpoints[0].deny_rules[0]"},
      {"GET", "/repos/a/%2e%2E/private/key", RequestRefusal::kDenyRule,
       "network_policies.e.endpoints[0].deny_rules[0]"},
      {"GET", "/repos//private//key", RequestRefusal::kDenyRule,
       "network_policies.e.endpoints[0].deny_rules[0]"},
      {"GET", "/repos/./x", RequestRefusal::kDenyRule,
       "network_policies.e.endpoints[0].deny_rules[1]"},
      {"GET", "/repos%2Fa", RequestRefusal::kEncodedSlash},
      {"GET", "/repos/a%2fb", RequestRefusal::kEncodedSlash},
      {"GET", "/repos/a/..;/private", RequestRefusal::kAmbiguousPath},
      {"GET", "/repos/a/.;x=1/private", RequestRefusal::kAmbiguousPath},
      {"GET", "/repos/..%2Fprivate", RequestRefusal::kAmbiguousPath},
      {"GET", "/repos/a%5C..", RequestRefusal::kAmbiguousPath},
  };
  for (const auto& c : cases) {
    const RequestDecision decision = Ask(*policy, c.method, c.target);
    EXPECT_EQ(decision.refusal, c.refusal) << c.method << " " << c.target;
    EXPECT_EQ(decision.allowed, c.refusal == RequestRefusal::kNone) << c.method << " " << c.target;
    EXPECT_EQ(decision.by, c.by) << c.method << " " << c.target;
  }
}

TEST(NetworkPolicyTest, EncodedSlashesPassWhereTheyAreAllowedButNotAroundADenyRule) {
  const auto policy =
      WithEndpoints({"host: a.test, port: 443, protocol: rest, allow_encoded_slash: true,"
                     " rules: [{allow: {method: GET, path: '/projects/*'}}],"
                     " deny_rules: [{method: '*', path: '/projects/secret/**'}]"});
  EXPECT_TRUE(Ask(*policy, "GET", "/projects/group%2Fname").allowed);
  EXPECT_FALSE(Ask(*policy, "GET", "/projects/group/name").allowed);
  EXPECT_EQ(Ask(*policy, "GET", "/projects/secret%2Fname").refusal, RequestRefusal::kDenyRule);
  EXPECT_EQ(Ask(*policy, "GET", "/projects%2F%2Fsecret%2fname").refusal, RequestRefusal::kDenyRule);
  EXPECT_EQ(Ask(*policy, "GET", "/projects/x%2F..%2Fsecret").refusal,
            RequestRefusal::kAmbiguousPath);
}

TEST(NetworkPolicyTest, QueriesAreMatchedByParameter) {
  const auto policy = WithEndpoints(
      {"host: a.test, port: 443, protocol: rest, rules: [{allow: {method: GET, path: /dl,"
       " query: {os: {any: ['linux-*', 'darwin-*']}, 'a b': 'x&y'}}},"
       " {allow: {method: GET, path: /free}}],"
       " deny_rules: [{method: '*', path: /free, query: {admin: '*', mode: 'w*'}}]"});
  const struct {
    std::string_view target;
    bool allowed;
  } cases[] = {
      {"/dl?os=linux-x64&a+b=x%26y", true},
      {"/dl?a%20b=x%26y&os=darwin-arm&other=1", true},
      {"/dl?os=linux-x64", false},
      {"/dl", false},
      {"/dl?os=windows&a+b=x%26y", false},
      {"/dl?os=linux-x64&os=windows&a+b=x%26y", false},
      {"/dl?os=linux-x64&%6Fs=windows&a+b=x%26y", false},
      {"/dl?os=linux-x64&a+b=x%26y;os=windows", false},
      {"/free", true},
      {"/free?admin=1", true},
      {"/free?admin=1&mode=r", true},
      {"/free?admin=1&mode=w", false},
      {"/free?mode=r&mode=write&admin", false},
      {"/free?mode=r;mode=write&admin", false},
      {"/free?%61dmin=&m%6Fde=%77", false},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(Ask(*policy, "GET", c.target).allowed, c.allowed) << c.target;
  }
}

TEST(NetworkPolicyTest, AuditLetsPassWhatItWouldRefuse) {
  const auto policy = WithEndpoints(
      {"host: a.test, port: 443, protocol: rest, enforcement: audit, access: read-only,"
       " deny_rules: [{method: GET, path: /private}]"});
  EXPECT_FALSE(policy->network.Decide(At("a.test")).enforces);
  const RequestDecision allowed = Ask(*policy, "GET", "/");
  EXPECT_EQ(allowed.refusal, RequestRefusal::kNone);
  const RequestDecision method = Ask(*policy, "POST", "/");
  EXPECT_TRUE(method.allowed);
  EXPECT_EQ(method.refusal, RequestRefusal::kNoRule);
  EXPECT_EQ(method.by, "network_policies.e.endpoints[0]");
  EXPECT_THAT(method.endpoints, ElementsAre(0));
  const RequestDecision denied = Ask(*policy, "GET", "/private");
  EXPECT_TRUE(denied.allowed);
  EXPECT_EQ(denied.refusal, RequestRefusal::kDenyRule);
  EXPECT_EQ(denied.by, "network_policies.e.endpoints[0].deny_rules[0]");
  // What cannot be judged is refused all the same.
  EXPECT_FALSE(Ask(*policy, "GET", "/a%2Fb").allowed);
  EXPECT_FALSE(Ask(*policy, "GET", "/a/..;/b").allowed);
}

TEST(NetworkPolicyTest, EndpointsOfOneHostAddUpAndAnyDenyRuleWins) {
  const auto policy = WithEndpoints(
      {"host: a.test, port: 443, protocol: rest, rules: [{allow: {method: GET, path: '/a/**'}}]",
       "host: a.test, port: 443, protocol: rest, rules: [{allow: {method: PUT, path: '/b/**'}}],"
       " deny_rules: [{method: '*', path: '/a/private'}]",
       "host: a.test, port: 443",
       "host: '*.test', port: 443, protocol: rest, enforcement: audit, access: full"});
  EXPECT_TRUE(Ask(*policy, "GET", "/a/x").allowed);
  EXPECT_TRUE(Ask(*policy, "PUT", "/b/x").allowed);
  EXPECT_FALSE(Ask(*policy, "GET", "/a/private").allowed);
  EXPECT_THAT(Ask(*policy, "GET", "/a/x").endpoints, ElementsAre(0, 3));
  EXPECT_TRUE(Ask(*policy, "DELETE", "/c", "b.test:443").allowed);
}

TEST(NetworkPolicyTest, AnEndpointWithoutRulesAddsNothingWhereRequestsAreJudged) {
  const auto policy = WithEndpoints(
      {"host: a.test, port: 443", "host: '*.test', port: 443, protocol: rest, access: read-only"});
  EXPECT_FALSE(Ask(*policy, "POST", "/").allowed);
}

TEST(NetworkPolicyTest, OnlyEndpointsThatAllSkipTlsDo) {
  const auto policy =
      WithEndpoints({"host: a.test, port: 443, tls: skip", "host: '*.test', port: 443, tls: skip",
                     "host: b.test, port: 443"});
  EXPECT_TRUE(policy->network.Decide(At("a.test")).skips_tls);
  EXPECT_FALSE(policy->network.Decide(At("b.test")).skips_tls);
}

struct AddressCase {
  std::string_view authority;
  std::string_view address;
  bool allowed;
};

void ExpectAddresses(const Policy& policy, const RuleSet& rules,
                     std::initializer_list<AddressCase> cases) {
  for (const AddressCase& c : cases) {
    const NetworkDecision host = policy.network.Decide(At(c.authority));
    const IpAddress address = *IpAddress::Parse(c.address);
    const AddressDecision listed = rules.JudgeAddress(address, rules.DecideHost(At(c.authority)));
    const AddressDecision decision = policy.network.JudgeAddress(address, host.endpoints, listed);
    EXPECT_EQ(decision.allowed, c.allowed) << c.authority << " at " << c.address;
    EXPECT_FALSE(decision.by.empty());
  }
}

TEST(NetworkPolicyTest, AddressesAreHeldToAllowedIpsAndOpenedByThem) {
  const auto policy = WithEndpoints(
      {"host: exact.test, port: 443", "host: '*.wild.test', port: 443",
       "host: '*.inside.test', port: 443, allowed_ips: [10.20.0.0/16, 'fd00::/8', 127.0.0.0/8]",
       "port: 9000, allowed_ips: [192.168.7.0/24]"});
  ExpectAddresses(*policy, RuleSet(),
                  {{"exact.test", "192.0.2.7", true},
                   {"exact.test", "10.0.0.1", true},
                   {"exact.test", "127.0.0.1", false},
                   {"exact.test", "0.0.0.0", false},
                   {"exact.test", "169.254.169.254", false},
                   {"exact.test", "169.254.1.1", false},
                   {"a.wild.test", "192.0.2.7", true},
                   {"a.wild.test", "10.0.0.1", false},
                   {"a.inside.test", "10.20.3.4", true},
                   {"a.inside.test", "::ffff:10.20.3.4", true},
                   {"a.inside.test", "64:ff9b::a14:304", true},
                   {"a.inside.test", "10.21.3.4", false},
                   {"a.inside.test", "192.0.2.7", false},
                   {"a.inside.test", "fd12::1", true},
                   {"a.inside.test", "fd00:ec2::254", false},
                   {"a.inside.test", "127.0.0.1", false},
                   {"anything.test:9000", "192.168.7.8", true},
                   {"anything.test:9000", "192.168.8.8", false},
                   {"anything.test:9000", "192.0.2.7", false}});
}

TEST(NetworkPolicyTest, BlockedRangesThatSomebodyWroteHold) {
  const auto policy =
      WithEndpoints({"host: exact.test, port: 443",
                     "host: '*.inside.test', port: 443, allowed_ips: [10.0.0.0/8]"});
  const ParsedProxyConfig config =
      ParseProxyConfig("{\"network\": {\"blockedCIDRs\": [\"10.0.0.0/8\"]}}");
  ASSERT_NE(config.rules, nullptr);
  ExpectAddresses(*policy, *config.rules,
                  {{"exact.test", "10.0.0.1", false}, {"a.inside.test", "10.0.0.1", false}});
}

TEST(NetworkPolicyTest, AddressesAreJudgedByTheEndpointsThatLetTheRequestPass) {
  const auto policy = WithEndpoints(
      {"host: a.test, port: 443, protocol: rest, access: read-only, allowed_ips: [192.0.2.0/24]",
       "host: a.test, port: 443, protocol: rest, allowed_ips: [198.51.100.0/24],"
       " rules: [{allow: {method: POST, path: /x}}]"});
  const auto judge = [&](std::string_view method, std::string_view address) {
    const RequestDecision request = Ask(*policy, method, "/x");
    return policy->network
        .JudgeAddress(*IpAddress::Parse(address), request.endpoints, {.allowed = true, .by = "x"})
        .allowed;
  };
  EXPECT_TRUE(judge("GET", "192.0.2.1"));
  EXPECT_FALSE(judge("GET", "198.51.100.1"));
  EXPECT_TRUE(judge("POST", "198.51.100.1"));
  EXPECT_FALSE(judge("POST", "192.0.2.1"));
}

TEST(NetworkPolicyTest, ThousandsOfEndpointsAreFoundAtOnce) {
  std::string text = "version: 1\nnetwork_policies:\n";
  for (int i = 0; i < 5000; ++i) {
    text += fmt::format("  e{0}: {{endpoints: [{{host: h{0}.test, port: 443}}]}}\n", i);
  }
  const auto policy = Parse(text);
  ASSERT_NE(policy, nullptr);
  EXPECT_THAT(policy->network.Decide(At("h4321.test")).endpoints, ElementsAre(4321));
}

}  // namespace
}  // namespace sallyport::rules

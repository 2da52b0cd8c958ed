#include "rules/rule_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include "base/file.h"
#include "rules/proxy_config.h"

namespace sallyport::rules {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// The rules of a file, in JSON with ' for ".
std::shared_ptr<const RuleSet> Rules(std::string json) {
  std::ranges::replace(json, '\'', '"');
  ParsedProxyConfig parsed = ParseProxyConfig(json);
  for (const Problem& problem : parsed.errors) ADD_FAILURE() << FormatProblem(json, problem);
  if (parsed.rules == nullptr) return std::make_shared<RuleSet>();
  return parsed.rules;
}

Authority At(std::string_view text) { return *ParseAuthority(text, 443); }

std::string Decide(const RuleSet& rules, std::string_view authority) {
  const HostDecision decision = rules.DecideHost(At(authority));
  return fmt::format("{} {}", decision.allowed ? "allowed" : "denied", decision.by);
}

// What becomes of a request for `authority` that goes to `address`.
std::string Judge(const RuleSet& rules, std::string_view authority, std::string_view address) {
  const HostDecision host = rules.DecideHost(At(authority));
  if (!host.allowed) return fmt::format("host denied {}", host.by);
  const AddressDecision decision = rules.JudgeAddress(*IpAddress::Parse(address), host);
  return fmt::format("{} {}", decision.allowed ? "allowed" : "denied", decision.by);
}

std::vector<uint16_t> Found(const RuleSet& rules, std::string_view authority) {
  RuleIndexes indexes;
  rules.FindRules(At(authority), &indexes);
  return {indexes.begin(), indexes.end()};
}

TEST(RuleSetTest, AnEmptyFileAllowsHostsAndBlocksPrivateAddresses) {
  for (const std::shared_ptr<const RuleSet>& rules :
       {std::shared_ptr<const RuleSet>(std::make_shared<RuleSet>()), Rules("{}")}) {
    EXPECT_EQ(Decide(*rules, "example.com"), "allowed policy.default");
    EXPECT_EQ(Judge(*rules, "example.com", "93.184.216.34"), "allowed default");
    EXPECT_EQ(Judge(*rules, "example.com", "10.1.2.3"), "denied default blockedCIDRs (10.0.0.0/8)");
    EXPECT_THAT(rules->rules(), IsEmpty());
  }
}

TEST(RuleSetTest, TheMostSpecificMatchDecides) {
  const auto rules = Rules(R"({'policy': {'default': 'deny'}, 'network': {
    'allowedDomains': ['*.example.com', 'deep.blocked.example.com', 'both.test', '192.0.2.0/24',
                       'port.test', '*:8443', '~re-.*:443', 'www.test:443', '*.long.test'],
    'blockedDomains': ['*.blocked.example.com', 'admin.example.com', 'both.test', '192.0.2.7',
                       'port.test:8443', 're-wild.*', '*.test', 'www.test', '*.test:443']}})");
  EXPECT_EQ(Decide(*rules, "a.example.com"), "allowed allowedDomains[0]");
  EXPECT_EQ(Decide(*rules, "example.com"), "denied policy.default");
  EXPECT_EQ(Decide(*rules, "admin.example.com"), "denied blockedDomains[1]");
  EXPECT_EQ(Decide(*rules, "x.blocked.example.com"), "denied blockedDomains[0]");
  EXPECT_EQ(Decide(*rules, "deep.blocked.example.com"), "allowed allowedDomains[1]");
  EXPECT_EQ(Decide(*rules, "both.test"), "denied blockedDomains[2]") << "at a draw blocked wins";
  EXPECT_EQ(Decide(*rules, "192.0.2.8"), "allowed allowedDomains[3]");
  EXPECT_EQ(Decide(*rules, "192.0.2.7"), "denied blockedDomains[3]");
  EXPECT_EQ(Decide(*rules, "port.test"), "allowed allowedDomains[4]");
  EXPECT_EQ(Decide(*rules, "port.test:8443"), "denied blockedDomains[4]");
  EXPECT_EQ(Decide(*rules, "unknown.org:8443"), "allowed allowedDomains[5]");
  EXPECT_EQ(Decide(*rules, "unknown.org"), "denied policy.default");
  EXPECT_EQ(Decide(*rules, "re-x.org"), "allowed allowedDomains[6]") << "regex before *:port";
  EXPECT_EQ(Decide(*rules, "re-wild.org"), "denied blockedDomains[5]") << "wildcard before regex";
  EXPECT_EQ(Decide(*rules, "www.test"), "allowed allowedDomains[7]") << "port before exact host";
  EXPECT_EQ(Decide(*rules, "www.test:80"), "denied blockedDomains[7]");
  EXPECT_EQ(Decide(*rules, "a.long.test"), "allowed allowedDomains[8]") << "length before port";
  EXPECT_EQ(Decide(*rules, "a.test"), "denied blockedDomains[8]") << "port at equal length";
  EXPECT_EQ(Decide(*rules, "a.test:80"), "denied blockedDomains[6]");
}

TEST(RuleSetTest, AllSpellingsOfAHostGetOneDecision) {
  const auto rules = Rules(R"({'policy': {'default': 'deny'}, 'network': {
    'allowedDomains': ['api.test', 'bücher.example', '127.0.0.1:80']}})");
  for (const std::string_view spelling : {"API.Test", "api.test.", "api.test", "ａｐｉ.test"}) {
    EXPECT_EQ(Decide(*rules, spelling), "allowed allowedDomains[0]") << spelling;
  }
  for (const std::string_view spelling : {"BÜCHER.example", "xn--bcher-kva.example."}) {
    EXPECT_EQ(Decide(*rules, spelling), "allowed allowedDomains[1]") << spelling;
  }
  for (const std::string_view spelling :
       {"127.1:80", "2130706433:80", "0x7f.1:80", "0177.0.0.1:80", "[::ffff:127.0.0.1]:80"}) {
    EXPECT_EQ(Decide(*rules, spelling), "allowed allowedDomains[2]") << spelling;
  }
  for (const std::string_view other : {"evil-api.test", "api.test.evil", "a.api.test"}) {
    EXPECT_EQ(Decide(*rules, other), "denied policy.default") << other;
  }
}

TEST(RuleSetTest, AnEmptyAllowListWithDefaultDenyLetsNothingPass) {
  const auto rules = Rules("{'policy': {'default': 'deny'}, 'network': {'allowedDomains': []}}");
  for (const std::string_view host :
       {"example.com", "localhost", "127.0.0.1", "[::1]", "a.test:80"}) {
    EXPECT_EQ(Decide(*rules, host), "denied policy.default") << host;
  }
}

TEST(RuleSetTest, MetadataServicesAreDeniedEvenUnderAStar) {
  for (const std::string_view cidrs :
       {"", ", 'blockedCIDRs': []",
        ", 'blockedCIDRs': [], 'allowedCIDRs': ['0.0.0.0/0', '::/0']"}) {
    const auto rules =
        Rules(fmt::format("{{'network': {{'allowedDomains': ['*', '*:80', "
                          "'169.254.169.254', '169.254.0.0/16', "
                          "'metadata.google.internal', '*.internal']{}}}}}",
                          cidrs));
    EXPECT_EQ(Decide(*rules, "metadata.google.internal:80"), "denied metadata host");
    EXPECT_EQ(Decide(*rules, "Metadata.Google.Internal.:80"), "denied metadata host");
    EXPECT_EQ(Decide(*rules, "metadata.azure.internal"), "denied metadata host");
    for (const std::string_view address :
         {"169.254.169.254", "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "169.254.170.2",
          "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1"}) {
      EXPECT_EQ(Judge(*rules, "anything.example:80", address), "denied metadata address")
          << address;
    }
    EXPECT_EQ(Judge(*rules, "169.254.169.254:80", "169.254.169.254"), "denied metadata address");
  }
}

TEST(RuleSetTest, MetadataCanBeReachedOnlyByItsExactHostAndPort) {
  const auto rules = Rules(R"({'network': {'allowedDomains': [
    '169.254.169.254:80', 'metadata.google.internal:80']}})");
  EXPECT_EQ(Judge(*rules, "169.254.169.254:80", "169.254.169.254"), "allowed allowedDomains[0]");
  EXPECT_EQ(Judge(*rules, "169.254.169.254:81", "169.254.169.254"), "denied metadata address");
  EXPECT_EQ(Judge(*rules, "metadata.google.internal:80", "169.254.169.254"),
            "allowed allowedDomains[1]");
  EXPECT_EQ(Decide(*rules, "metadata.google.internal:443"), "denied metadata host");
  // An allowed range of one address says it as plainly.
  const auto single = Rules("{'network': {'allowedCIDRs': ['169.254.169.254/32']}}");
  EXPECT_EQ(Judge(*single, "a.test", "169.254.169.254"), "allowed allowedCIDRs[0]");
}

TEST(RuleSetTest, EverySpellingOfLoopbackIsJudgedAsLoopback) {
  const auto rules = Rules("{'network': {'allowedDomains': ['*', '127.0.0.1', '[::1]']}}");
  for (const std::string_view host :
       {"127.0.0.1", "127.1", "2130706433", "0x7f.1", "0177.0.0.1", "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]", "[::1]", "[2002:7f00:1::]"}) {
    const Authority authority = At(host);
    const HostDecision decision = rules->DecideHost(authority);
    ASSERT_TRUE(decision.allowed) << host;
    EXPECT_FALSE(rules->JudgeAddress(*authority.host.address, decision).allowed) << host;
  }
}

TEST(RuleSetTest, DefaultRangesAreBlockedToTheirEdges) {
  const RuleSet rules;
  const HostDecision by_default = rules.DecideHost(At("a.test"));
  for (const std::string_view blocked : {"0.0.0.0",
                                         "0.255.255.255",
                                         "10.0.0.0",
                                         "10.255.255.255",
                                         "100.64.0.0",
                                         "100.127.255.255",
                                         "127.0.0.1",
                                         "127.255.255.255",
                                         "169.254.0.1",
                                         "172.16.0.0",
                                         "172.31.255.255",
                                         "192.0.0.1",
                                         "192.168.255.255",
                                         "198.18.0.0",
                                         "198.19.255.255",
                                         "224.0.0.1",
                                         "240.0.0.1",
                                         "255.255.255.255",
                                         "::",
                                         "::1",
                                         "fc00::1",
                                         "fdff::1",
                                         "fe80::1",
                                         "febf::1",
                                         "ff02::1",
                                         "::ffff:10.0.0.1",
                                         "64:ff9b::c0a8:1",
                                         "2002:c0a8:1::1",
                                         "2002:7f00:1::"}) {
    EXPECT_FALSE(rules.JudgeAddress(*IpAddress::Parse(blocked), by_default).allowed) << blocked;
  }
  for (const std::string_view open :
       {"1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
        "128.0.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0", "198.17.255.255", "198.20.0.0",
        "223.255.255.255", "::2", "2001:db8::1", "fec0::1", "fbff::1", "64:ff9b::808:808",
        "2002:808:808::1"}) {
    EXPECT_TRUE(rules.JudgeAddress(*IpAddress::Parse(open), by_default).allowed) << open;
  }
}

TEST(RuleSetTest, AnExactNameMayResolveIntoABlockedRange) {
  const auto rules = Rules(R"({'network': {'allowedDomains': [
    '*.wild.test', 'exact.test', 'port.test:8443', '10.1.2.3:8080', '192.168.0.0/16']}})");
  EXPECT_EQ(Judge(*rules, "a.wild.test", "10.1.2.3"), "denied default blockedCIDRs (10.0.0.0/8)");
  EXPECT_EQ(Judge(*rules, "a.wild.test", "127.0.0.1"), "denied default blockedCIDRs (127.0.0.0/8)");
  EXPECT_EQ(Judge(*rules, "exact.test", "10.1.2.3"), "allowed allowedDomains[1]");
  EXPECT_EQ(Judge(*rules, "exact.test", "fc00::1"), "allowed allowedDomains[1]");
  EXPECT_EQ(Judge(*rules, "exact.test", "64:ff9b::a01:203"), "allowed allowedDomains[1]");
  // Loopback and link-local need the port too.
  EXPECT_EQ(Judge(*rules, "exact.test", "127.0.0.1"), "denied default blockedCIDRs (127.0.0.0/8)");
  EXPECT_EQ(Judge(*rules, "exact.test", "0.0.0.0"), "denied default blockedCIDRs (0.0.0.0/8)");
  EXPECT_EQ(Judge(*rules, "exact.test", "::1"), "denied default blockedCIDRs (::1/128)");
  EXPECT_EQ(Judge(*rules, "exact.test", "169.254.1.1"),
            "denied default blockedCIDRs (169.254.0.0/16)");
  EXPECT_EQ(Judge(*rules, "exact.test", "fe80::1"), "denied default blockedCIDRs (fe80::/10)");
  EXPECT_EQ(Judge(*rules, "port.test:8443", "127.0.0.1"), "allowed allowedDomains[2]");
  EXPECT_EQ(Judge(*rules, "port.test:8443", "169.254.1.1"), "allowed allowedDomains[2]");
  EXPECT_EQ(Judge(*rules, "port.test:443", "127.0.0.1"),
            "denied default blockedCIDRs (127.0.0.0/8)");
  EXPECT_EQ(Judge(*rules, "port.test:8443", "169.254.169.254"), "allowed allowedDomains[2]");
  // An address asked for literally goes through both judgements.
  EXPECT_EQ(Judge(*rules, "10.1.2.3:8080", "10.1.2.3"), "allowed allowedDomains[3]");
  EXPECT_EQ(Judge(*rules, "10.1.2.3:80", "10.1.2.3"), "denied default blockedCIDRs (10.0.0.0/8)");
  EXPECT_EQ(Judge(*rules, "192.168.7.7", "192.168.7.7"), "allowed allowedDomains[4]");
}

TEST(RuleSetTest, AllowedRangesAreWeighedBeforeBlockedOnes) {
  const auto rules = Rules(R"({'network': {'allowedCIDRs': ['10.1.0.0/16', '127.0.0.1'],
    'blockedCIDRs': ['10.0.0.0/8', '127.0.0.0/8', '64:ff9b::/96', '203.0.113.0/24']}})");
  EXPECT_EQ(Judge(*rules, "a.test", "10.1.2.3"), "allowed allowedCIDRs[0]");
  EXPECT_EQ(Judge(*rules, "a.test", "::ffff:10.1.2.3"), "allowed allowedCIDRs[0]");
  EXPECT_EQ(Judge(*rules, "a.test", "10.2.2.3"), "denied blockedCIDRs[0]");
  EXPECT_EQ(Judge(*rules, "a.test", "127.0.0.1"), "allowed allowedCIDRs[1]");
  EXPECT_EQ(Judge(*rules, "a.test", "127.0.0.2"), "denied blockedCIDRs[1]");
  EXPECT_EQ(Judge(*rules, "a.test", "64:ff9b::808:808"), "denied blockedCIDRs[2]");
  EXPECT_EQ(Judge(*rules, "a.test", "192.168.1.1"), "allowed default")
      << "an explicit list replaces the default one";
}

TEST(RuleSetTest, TheUnspecifiedAddressIsBlockedWhereLoopbackIs) {
  const auto rules = Rules("{'network': {'blockedCIDRs': ['127.0.0.0/8', '::1']}}");
  EXPECT_EQ(Judge(*rules, "a.test", "0.0.0.0"), "denied blockedCIDRs[0]");
  EXPECT_EQ(Judge(*rules, "a.test", "::"), "denied blockedCIDRs[1]");
  EXPECT_EQ(Judge(*rules, "a.test", "0.0.0.1"), "allowed default");
}

TEST(RuleSetTest, RulesInterceptOnlyWhatTheyNameByDefault) {
  const auto rules = Rules(R"({'network': {'bypassDomains': ['b.api.test'],
    'blockedDomains': ['blocked.api.test'], 'bypassCIDRs': ['192.0.2.0/24']},
    'credentials': [{'domain': ['*.api.test', 'port.test:443', '192.0.2.1', '198.51.100.1'],
                     'envVar': 'A', 'header': 'x'}]})");
  const auto intercepted = [&rules](std::string_view host) {
    return rules->DecideHost(At(host)).intercept;
  };
  EXPECT_TRUE(intercepted("a.api.test"));
  EXPECT_TRUE(intercepted("a.api.test:8443"));
  EXPECT_FALSE(intercepted("b.api.test"));
  EXPECT_FALSE(intercepted("blocked.api.test"));
  EXPECT_FALSE(intercepted("other.test"));
  EXPECT_TRUE(intercepted("port.test:443"));
  EXPECT_FALSE(intercepted("port.test:8443"));
  EXPECT_FALSE(intercepted("192.0.2.1"));
  EXPECT_TRUE(intercepted("198.51.100.1"));
}

TEST(RuleSetTest, AllInterceptsEverythingThatIsNotBypassed) {
  const auto rules = Rules(R"({'policy': {'default': 'deny'}, 'network': {'intercept': 'all',
    'allowedDomains': ['*.test', '192.0.2.0/24', '[2001:db8::1]'],
    'bypassDomains': ['*.pinned.test'], 'bypassCIDRs': ['192.0.2.0/25', '2001:db8::/32']}})");
  const auto intercepted = [&rules](std::string_view host) {
    return rules->DecideHost(At(host)).intercept;
  };
  EXPECT_TRUE(intercepted("a.test"));
  EXPECT_FALSE(intercepted("a.pinned.test"));
  EXPECT_FALSE(intercepted("192.0.2.1"));
  EXPECT_TRUE(intercepted("192.0.2.200"));
  EXPECT_FALSE(intercepted("[2001:db8::1]"));
  EXPECT_FALSE(intercepted("denied.org"));
}

TEST(RuleSetTest, RulesAreFoundInFileOrderAndOnce) {
  const auto rules = Rules(R"({'credentials': [
    {'domain': '*.test', 'envVar': 'A', 'header': 'a'},
    {'domain': ['a.test', '*.test', '~a\\.test:443'], 'envVar': 'A', 'header': 'b'},
    {'domain': 'a.test:443', 'envVar': 'A', 'header': 'c'},
    {'domain': 'b.test', 'envVar': 'A', 'header': 'd'},
    {'domain': '*', 'publicSuffix': true, 'envVar': 'A', 'header': 'e'}]})");
  EXPECT_THAT(Found(*rules, "a.test:443"), ElementsAre(0, 1, 2, 4));
  EXPECT_THAT(Found(*rules, "a.test:8443"), ElementsAre(0, 1, 4));
  EXPECT_THAT(Found(*rules, "B.TEST."), ElementsAre(0, 1, 3, 4));
  EXPECT_THAT(Found(*rules, "test"), ElementsAre(4));
  EXPECT_THAT(Found(*rules, "a.test.evil"), ElementsAre(4));
}

TEST(RuleSetTest, TheDockerFileMeansWhatDockerMeansByIt) {
  const absl::StatusOr<std::string> text =
      ReadFile(std::string(RULES_TESTDATA) + "/docker-proxy-config.json", 1 << 20);
  ASSERT_TRUE(text.ok()) << text.status();
  const ParsedProxyConfig parsed = ParseProxyConfig(*text);
  ASSERT_NE(parsed.rules, nullptr);
  EXPECT_THAT(parsed.warnings, IsEmpty());
  const RuleSet& rules = *parsed.rules;
  EXPECT_EQ(Decide(rules, "example.com"), "allowed policy.default")
      << "an empty allow list is no list of what alone is allowed";
  EXPECT_EQ(Decide(rules, "metadata.azure.internal"), "denied blockedDomains[0]");
  EXPECT_EQ(Decide(rules, "kube-dns.kube-system.svc.cluster.local:53"), "denied blockedDomains[2]");
  EXPECT_EQ(Judge(rules, "example.com", "93.184.216.34"), "allowed default");
  EXPECT_EQ(Judge(rules, "example.com", "192.168.1.1"), "denied blockedCIDRs[4]");
  EXPECT_EQ(Judge(rules, "example.com", "::1"), "denied blockedCIDRs[5]");
  EXPECT_EQ(Judge(rules, "127.1", "127.0.0.1"), "denied blockedCIDRs[1]");
  EXPECT_EQ(Judge(rules, "0.0.0.0", "0.0.0.0"), "denied blockedCIDRs[1]");
  EXPECT_EQ(Judge(rules, "example.com", "169.254.169.254"), "denied metadata address");
  EXPECT_FALSE(rules.DecideHost(At("example.com")).intercept);
  EXPECT_FALSE(rules.log_allowed());
  EXPECT_FALSE(rules.log_blocked());
}

}  // namespace
}  // namespace sallyport::rules

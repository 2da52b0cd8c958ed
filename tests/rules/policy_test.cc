#include "rules/policy.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace sallyport::rules {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

std::vector<std::string> Lines(const std::vector<Problem>& problems) {
  std::vector<std::string> lines;
  lines.reserve(problems.size());
  for (const Problem& problem : problems) lines.push_back(FormatProblem("p.yaml", problem));
  return lines;
}

// A file with one entry "e" of one endpoint with these members, in flow style.
std::string WithEndpoint(std::string_view members) {
  return fmt::format("version: 1\nnetwork_policies:\n  e:\n    endpoints:\n      - {{{}}}\n",
                     members);
}

// The same with a host and a port.
std::string WithHost(std::string_view members) {
  return WithEndpoint(fmt::format("host: a.test, port: 443, {}", members));
}

TEST(PolicyTest, EverySectionButTheVersionIsOptional) {
  for (const std::string_view text :
       {"version: 1", "{version: 1}", "{\"version\": 1}", "\xef\xbb\xbfversion: 1\n",
        "version: 1\nlandlock: {}\nprocess: {}\nfilesystem_policy: {}\nnetwork_policies: {e: {}}",
        "---\nversion: 1\n...\n", "version: 1\r\nnetwork_policies: {}\r\n"}) {
    const ParsedPolicy parsed = ParsePolicy(text);
    EXPECT_THAT(Lines(parsed.errors), IsEmpty()) << text;
    EXPECT_NE(parsed.policy, nullptr) << text;
  }
}

TEST(PolicyTest, WhatIsFixedAtTheSpawnIsRead) {
  const ParsedPolicy parsed = ParsePolicy(R"(
version: 1
filesystem_policy:
  include_workdir: true
  read_only: [/usr, /lib/, //etc//ssl/./certs]
  read_write: [/tmp, /dev/null]
landlock: { compatibility: best_effort }
process: { run_as_user: sandbox, run_as_group: 1500 }
)");
  ASSERT_THAT(Lines(parsed.errors), IsEmpty());
  const SpawnPolicy& spawn = parsed.policy->spawn;
  EXPECT_TRUE(spawn.filesystem.include_workdir);
  EXPECT_THAT(spawn.filesystem.read_only, ElementsAre("/usr", "/lib", "/etc/ssl/certs"));
  EXPECT_THAT(spawn.filesystem.read_write, ElementsAre("/tmp", "/dev/null"));
  EXPECT_EQ(spawn.landlock, LandlockCompatibility::kBestEffort);
  EXPECT_EQ(spawn.process.run_as_user, "sandbox");
  EXPECT_EQ(spawn.process.run_as_group, "1500");
}

TEST(PolicyTest, SectionsLeftOutAreTheStrictOnes) {
  const ParsedPolicy without = ParsePolicy("version: 1");
  ASSERT_NE(without.policy, nullptr);
  EXPECT_EQ(without.policy->spawn.filesystem, RestrictivePolicy()->spawn.filesystem);
  EXPECT_EQ(without.policy->spawn.landlock, LandlockCompatibility::kHardRequirement);
  EXPECT_EQ(without.policy->spawn.process, ProcessPolicy());
  const ParsedPolicy empty = ParsePolicy("version: 1\nfilesystem_policy: {read_only: [/usr]}");
  ASSERT_NE(empty.policy, nullptr);
  EXPECT_FALSE(empty.policy->spawn.filesystem.include_workdir);
  EXPECT_THAT(empty.policy->spawn.filesystem.read_write, IsEmpty());
}

TEST(PolicyTest, TheRestrictiveDefaultHasNoNetworkAndAWritableWorkFolder) {
  const Policy& policy = *RestrictivePolicy();
  EXPECT_TRUE(policy.spawn.filesystem.include_workdir);
  EXPECT_THAT(policy.spawn.filesystem.read_write, ElementsAre("/tmp", "/dev/null"));
  EXPECT_EQ(policy.spawn.landlock, LandlockCompatibility::kHardRequirement);
  EXPECT_THAT(policy.network.endpoints(), IsEmpty());
  EXPECT_NE(ParsePolicy(RestrictivePolicyText()).policy, nullptr);
}

TEST(PolicyTest, EveryProblemIsListedWithLineColumnAndPath) {
  const ParsedPolicy parsed = ParsePolicy(
      "version: 2\n"
      "filesystem_polcy: {}\n"
      "landlock:\n"
      "  compatibility: best_efort\n"
      "filesystem_policy:\n"
      "  read_only: [/usr, lib]\n"
      "  read_write: [/]\n"
      "process: {run_as_user: root}\n"
      "network_policies:\n"
      "  github:\n"
      "    endpoints:\n"
      "      - host: api.github.com\n"
      "        prot: 443\n"
      "        acess: full\n");
  EXPECT_EQ(parsed.policy, nullptr);
  EXPECT_THAT(
      Lines(parsed.errors),
      ElementsAre("p.yaml:1:10: version: must be 1",
                  "p.yaml:2:1: filesystem_polcy: unknown key; did you mean \"filesystem_policy\"?",
                  "p.yaml:4:18: landlock.compatibility: must be \"hard_requirement\" or "
                  "\"best_effort\"; did you mean \"best_effort\"?",
                  AllOf(StartsWith("p.yaml:6:21: filesystem_policy.read_only[1]: must be an "
                                   "absolute path")),
                  StartsWith("p.yaml:7:16: filesystem_policy.read_write[0]: the whole filesystem"),
                  "p.yaml:8:24: process.run_as_user: must not be root",
                  "p.yaml:12:9: network_policies.github.endpoints[0]: port is missing: give "
                  "\"port\" or \"ports\"",
                  "p.yaml:13:9: network_policies.github.endpoints[0].prot: unknown key; did you "
                  "mean \"port\"?",
                  "p.yaml:14:9: network_policies.github.endpoints[0].acess: unknown key; did you "
                  "mean \"access\"?"));
}

TEST(PolicyTest, WhatIsWrongIsRefusedAndNamed) {
  const struct {
    std::string text;
    std::string path;
    std::string message;
  } cases[] = {
      {"", "", "must hold an object, not null"},
      {"[]", "", "must hold an object, not a list"},
      {"{}", "", "\"version\" is missing"},
      {"version: '1'", "version", "must be 1, not a string"},
      {"version: 1\nversion: 1", "version", "second time"},
      {"version: 1\nfilesystem_policy: {include_workdir: yes}", "include_workdir", "true or false"},
      {"version: 1\nfilesystem_policy: {read_only: /usr}", "read_only", "a list of strings"},
      {"version: 1\nfilesystem_policy: {read_only: [7]}", "read_only[0]", "a string"},
      {"version: 1\nfilesystem_policy: {read_only: [/usr/../etc]}", "read_only[0]", "\"..\""},
      {"version: 1\nfilesystem_policy: {read_only: [/usr/..]}", "read_only[0]", "\"..\""},
      {"version: 1\nfilesystem_policy: {read_only: ['']}", "read_only[0]", "absolute"},
      {"version: 1\nfilesystem_policy: {read_write: [/tmp, //./]}", "read_write[1]", "whole"},
      {"version: 1\nprocess: {run_as_user: 0}", "run_as_user", "root"},
      {"version: 1\nprocess: {run_as_user: '00'}", "run_as_user", "root"},
      {"version: 1\nprocess: {run_as_group: root}", "run_as_group", "root"},
      {"version: 1\nprocess: {run_as_user: 4294967295}", "run_as_user", "4294967294"},
      {"version: 1\nprocess: {run_as_user: -1}", "run_as_user", "name, or a number"},
      {"version: 1\nprocess: {run_as_user: 'a b'}", "run_as_user", "name, or a number"},
      {"version: 1\nprocess: {run_as_user: ''}", "run_as_user", "name, or a number"},
      {"version: 1\nnetwork_policies: []", "network_policies", "an object, not a list"},
      {"version: 1\nnetwork_policies:\n", "network_policies", "an object, not null"},
      {"version: 1\nnetwork_policies: {a: {}, a: {}}", "network_policies.a", "second time"},
      {"version: 1\nnetwork_policies: {'': {}}", "network_policies", "must not be empty"},
      {"version: 1\nnetwork_policies: {e: {binaries: []}}", "binaries", "at least one"},
      {"version: 1\nnetwork_policies: {e: {binaries: [/bin/git]}}", "binaries[0]", "an object"},
      {"version: 1\nnetwork_policies: {e: {binaries: [{path: git}]}}", "binaries[0].path",
       "absolute"},
      {WithEndpoint("port: 443"), "endpoints[0]", "destination is missing"},
      {WithEndpoint("host: a.test, port: 443, ports: [80]"), "endpoints[0]", "2 ports"},
      {WithEndpoint("host: a.test, port: 0"), "port", "1 to 65535"},
      {WithEndpoint("host: a.test, port: 65536"), "port", "1 to 65535"},
      {WithEndpoint("host: a.test, port: https"), "port", "not a string"},
      {WithEndpoint("host: a.test, port: 443.5"), "port", "whole number"},
      {WithEndpoint("host: a.test, ports: []"), "ports", "at least one"},
      {WithEndpoint("host: a.test, ports: [443, 70000]"), "ports[1]", "1 to 65535"},
      {WithEndpoint("host: 7, port: 443"), "host", "a string"},
      {WithEndpoint("host: '', port: 443"), "host", "empty"},
      {WithEndpoint("host: 'a.test:443', port: 443"), "host", "under \"port\""},
      {WithEndpoint("host: https://a.test, port: 443"), "host", "without a scheme"},
      {WithEndpoint("host: 10.0.0.0/8, port: 443"), "host", "allowed_ips"},
      {WithEndpoint("host: '~.*', port: 443"), "host", "regular expressions"},
      {WithEndpoint("host: a..test, port: 443"), "host", "label"},
      {WithEndpoint("host: a.**.test, port: 443"), "host", "beginning"},
      {WithHost("protocol: http"), "protocol", "must be"},
      {WithHost("protocol: graphql, access: full"), "protocol", "\"graphql\" is not enforced"},
      {WithHost("protocol: mcp"), "protocol", "\"mcp\" is not enforced"},
      {WithHost("protocol: rest"), "protocol", "give access or rules"},
      {WithHost("protocol: rest, deny_rules: [{method: GET, path: /}]"), "protocol",
       "give access or rules"},
      {WithHost("access: full"), "access", "needs \"protocol\""},
      {WithHost("protocol: '', access: full"), "access", "needs \"rest\""},
      {WithHost("protocol: tcp, access: full"), "access", "needs \"rest\""},
      {WithHost("protocol: tcp, deny_rules: [{method: GET, path: /}]"), "deny_rules",
       "needs \"rest\""},
      {WithHost("protocol: rest, access: read_only"), "access", "did you mean \"read-only\""},
      {WithHost("protocol: rest, access: full, rules: [{allow: {method: GET, path: /}}]"), "rules",
       "beside access"},
      {WithHost("protocol: rest, access: full, tls: skip"), "tls", "unread"},
      {WithHost("tls: passthrough"), "tls", "must be"},
      {WithHost("enforcement: warn"), "enforcement", "must be"},
      {WithHost("protocol: websocket, access: read-only"), "access", "WebSocket messages"},
      {WithHost("protocol: websocket, rules: [{allow: {method: websocket_text, path: /}}]"),
       "rules[0].allow.method", "WebSocket messages"},
      {WithHost("protocol: rest, rules: []"), "rules", "at least one"},
      {WithHost("protocol: rest, rules: [{}]"), "rules[0]", "\"allow\" is missing"},
      {WithHost("protocol: rest, rules: [{method: GET, path: /}]"), "rules[0]",
       "\"allow\" is missing"},
      {WithHost("protocol: rest, rules: [{allow: {method: GET}}]"), "allow", "\"path\" is missing"},
      {WithHost("protocol: rest, rules: [{allow: {path: /}}]"), "allow", "\"method\" is missing"},
      {WithHost("protocol: rest, rules: [{allow: {method: 'G T', path: /}}]"), "allow.method",
       "not a method"},
      {WithHost("protocol: rest, rules: [{allow: {method: GET, path: v1}}]"), "allow.path",
       "begins with '/'"},
      {WithHost("protocol: rest, rules: [{allow: {method: GET, path: /../x}}]"), "allow.path",
       "no path can match"},
      {WithHost("protocol: rest, rules: [{allow: {method: GET, path: '/?a=b'}}]"), "allow.path",
       "only the path"},
      {WithHost("protocol: rest, rules: [{allow: {method: GET, path: /, query: {a: 1}}}]"),
       "query.a", "a string or an object"},
      {WithHost("protocol: rest, rules: [{allow: {method: GET, path: /, query: {a: {any: []}}}}]"),
       "query.a.any", "at least one"},
      {WithHost("protocol: rest, rules: [{allow: {method: GET, path: /, operation_type: query}}]"),
       "operation_type", "GraphQL, which sallyport does not enforce"},
      {WithHost("allowed_ips: [a.test]"), "allowed_ips[0]", "address range"},
      {WithHost("allowed_ips: []"), "allowed_ips", "at least one"},
      {WithHost("path: /v1/**"), "path", "does not enforce"},
      {WithHost("credential_signing: sigv4"), "credential_signing", "does not enforce"},
      {WithHost("websocket_credential_rewrite: false"), "websocket_credential_rewrite",
       "does not enforce"},
      {"version: 1\nnetwork_middlewares: {}", "network_middlewares", "does not enforce"},
      {"version: 1\nnetwork_policies:\n  e:\n    endpoints:\n"
       "      - {host: a.test, port: 443, protocol: rest, access: full}\n"
       "      - {host: A.test, port: 443, tls: skip}\n",
       "endpoints[1]", "one of them says tls: skip"},
  };
  for (const auto& c : cases) {
    const ParsedPolicy parsed = ParsePolicy(c.text);
    EXPECT_EQ(parsed.policy, nullptr) << c.text;
    ASSERT_THAT(parsed.errors, Not(IsEmpty())) << c.text;
    EXPECT_THAT(parsed.errors.front().path, HasSubstr(c.path)) << c.text;
    EXPECT_THAT(parsed.errors.front().message, HasSubstr(c.message)) << c.text;
    EXPECT_EQ(parsed.errors.front().line > 0, !c.text.empty()) << c.text;
  }
}

TEST(PolicyTest, WhatIsNotPlainYamlIsRefused) {
  const struct {
    std::string text;
    std::string message;
  } cases[] = {
      {"version: 1\na: [", "not YAML"},
      {"version: 1\n\tb: 2", "not YAML"},
      {"version: &v 1", "anchors"},
      {"version: *v", "not YAML"},
      {"a: &a [x]\nb: [*a, *a]", "anchors"},
      {"version: !!int 1", "tags"},
      {"version: 1\n---\nversion: 1", "more than one document"},
      {"? [a]\n: b", "a key must be a word"},
      {"? {a: b}\n: b", "a key must be a word"},
      {"~: 1", "a key is missing"},
      {std::string("version: 1\n\0x", 13), "control character"},
      {"version: 1\n\x04network_policies: {}", "control character"},
      {"a: " + std::string(40, '[') + std::string(40, ']'), "nested deeper"},
      {"a: " + std::string(100'000, '['), "not"},
      {std::string(kMaxPolicyBytes + 1, ' '), "at most"},
  };
  for (const auto& c : cases) {
    const ParsedPolicy parsed = ParsePolicy(c.text);
    EXPECT_EQ(parsed.policy, nullptr) << c.text.substr(0, 60);
    ASSERT_THAT(parsed.errors, SizeIs(1)) << c.text.substr(0, 60);
    EXPECT_THAT(parsed.errors.front().message, HasSubstr(c.message)) << c.text.substr(0, 60);
  }
}

TEST(PolicyTest, MoreThan256PathsAreRefused) {
  std::string text = "version: 1\nfilesystem_policy:\n  read_only: [/p";
  for (int i = 1; i < 255; ++i) text += fmt::format(", /p{}", i);
  text += "]\n  read_write: [/w";
  EXPECT_NE(ParsePolicy(text + "]").policy, nullptr);
  const ParsedPolicy parsed = ParsePolicy(text + ", /x]");
  EXPECT_THAT(Lines(parsed.errors), ElementsAre(HasSubstr("lists 257 paths; the most is 256")));
}

TEST(PolicyTest, DoubtsAreWarnings) {
  const struct {
    std::string text;
    std::string message;
  } cases[] = {
      {WithEndpoint("host: '*.com', port: 443"), "public suffix"},
      {WithHost("tls: terminate"), "older name"},
      {WithHost("allowed_ips: [10.0.0.1/8]"), "taken as 10.0.0.0/8"},
      {WithHost("allowed_ips: [127.0.0.1]"), "loopback"},
      {WithEndpoint("host: a.test, ports: [80, 80]"), "second time"},
      {WithHost("protocol: websocket, rules: [{allow: {method: GET, path: /ws}}]"), "unread"},
      {"version: 1\nnetwork_policies: {e: {binaries: [{path: /bin/x, harness: true}]}}",
       "means nothing"},
  };
  for (const auto& c : cases) {
    const ParsedPolicy parsed = ParsePolicy(c.text);
    EXPECT_THAT(Lines(parsed.errors), IsEmpty()) << c.text;
    EXPECT_THAT(Lines(parsed.warnings), ElementsAre(HasSubstr(c.message))) << c.text;
  }
}

// Policies as they are written for OpenShell.
TEST(PolicyTest, PoliciesOfOpenShellLoad) {
  size_t files = 0;
  for (const auto& file : std::filesystem::directory_iterator(RULES_TESTDATA "/policies")) {
    std::ostringstream text;
    text << std::ifstream(file.path()).rdbuf();
    const ParsedPolicy parsed = ParsePolicy(text.str());
    EXPECT_THAT(Lines(parsed.errors), IsEmpty()) << file.path();
    ++files;
  }
  EXPECT_GE(files, 2u);
}

}  // namespace
}  // namespace sallyport::rules

#include "rules/credential_rule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

namespace sallyport::rules {
namespace {

TEST(GlobMatchesTest, StarStaysWithinASegmentAndTwoCross) {
  const struct {
    std::string_view glob;
    std::string_view path;
    bool matches;
  } cases[] = {
      {"/v1/x", "/v1/x", true},
      {"/v1/x", "/v1/xy", false},
      {"/v1/x", "/v1", false},
      {"/v1/x", "/V1/x", false},
      {"/*", "/", true},
      {"/*", "/a", true},
      {"/*", "/a/b", false},
      {"/v1/*", "/v1/a", true},
      {"/v1/*", "/v1/", true},
      {"/v1/*", "/v1/a/b", false},
      {"/v1/*/x", "/v1/a/x", true},
      {"/v1/*/x", "/v1/a/b/x", false},
      {"/v1/a*c", "/v1/abbbc", true},
      {"/v1/a*c", "/v1/ac", true},
      {"/v1/a*c", "/v1/ab/c", false},
      {"/**", "/", true},
      {"/**", "/a/b/c", true},
      {"/v1/**", "/v1/", true},
      {"/v1/**", "/v1/a", true},
      {"/v1/**", "/v1/a/b/c", true},
      {"/v1/**", "/v1", false},
      {"/v1/**", "/v10/a", false},
      {"/v1**", "/v1", true},
      {"/v1**", "/v1/a/b", true},
      {"/**/x", "/x", true},
      {"/**/x", "/a/b/x", true},
      {"/**/x", "/ax", false},
      {"/a/**/z", "/a/z", true},
      {"/a/**/z", "/a/b/z", true},
      {"/a/**/z", "/a/b/c/z", true},
      {"/a/**/z", "/az", false},
      {"/a/**/m/**/z", "/a/m/z", true},
      {"/a/**/m/**/z", "/a/1/2/m/3/z", true},
      {"/a/**/m/**/z", "/a/1/2/3/z", false},
      {"/a/**b*/c", "/a/x/yb1/c", true},
      {"/a/**b*/c", "/a/x/yb1/2/c", false},
      {"/*/*", "/a/b", true},
      {"/*.json", "/a.b.json", true},
      {"/***", "/a/b", true},
      {"/a?c", "/abc", false},
      {"/[a]", "/a", false},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(GlobMatches(c.glob, c.path), c.matches) << c.glob << " against " << c.path;
  }
}

TEST(GlobMatchesTest, HostileGlobsAndPathsTakeBoundedTime) {
  std::string glob = "/";
  for (int i = 0; i < 100; ++i) glob += "**a*";
  const std::string path = "/" + std::string(10000, 'a');
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(GlobMatches(glob + "b", path));
  // Backtracking would not be back this century; half a second is a hundred times what it takes.
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

TEST(NormalizePathTest, GivesEverySpellingOneForm) {
  const struct {
    std::string_view path;
    std::string_view normal;
  } cases[] = {
      {"", "/"},
      {"*", "*"},
      {"/", "/"},
      {"/v1/x", "/v1/x"},
      {"/v1/x/", "/v1/x/"},
      {"/%76%31/x", "/v1/x"},
      {"/%7euser", "/~user"},
      {"/%7Euser", "/~user"},
      {"/a%2fb", "/a%2Fb"},
      {"/a%2Fb", "/a%2Fb"},
      {"/a%2a", "/a%2A"},
      {"/a%20b", "/a%20b"},
      {"/a b", "/a%20b"},
      {"/\xc3\xbc", "/%C3%BC"},
      {"/%c3%bc", "/%C3%BC"},
      {"/%00", "/%00"},
      {"/%25%32%65", "/%252e"},
      {"/a;b=c,d:e@f!$&'()*+", "/a;b=c,d:e@f!$&'()*+"},
      {"/a\"<>\\^`{|}", "/a%22%3C%3E%5C%5E%60%7B%7C%7D"},
      {"//", "/"},
      {"///a////b//", "/a/b/"},
      {"/.", "/"},
      {"/./a/./b/.", "/a/b/"},
      {"/a/..", "/"},
      {"/a/../b", "/b"},
      {"/a/b/../../c", "/c"},
      {"/a/b/..", "/a/"},
      {"/a/b/../", "/a/"},
      {"/a/%2e%2E/b", "/b"},
      {"/a/.%2e/b", "/b"},
      {"/%2e/a", "/a"},
      {"/a/...", "/a/..."},
      {"/..a/b..", "/..a/b.."},
      {"/a/..;/b", "/a/..;/b"},
      {"//a/../b", "/b"},
      {"/a//b/../c", "/a/c"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(NormalizePath(c.path), std::optional<std::string>(c.normal)) << c.path;
    EXPECT_EQ(NormalizePath(c.normal), std::optional<std::string>(c.normal)) << c.path;
    EXPECT_EQ(IsNormalPath(c.path), c.path == c.normal) << c.path;
    EXPECT_TRUE(IsNormalPath(c.normal)) << c.normal;
  }
}

TEST(NormalizePathTest, RefusesWhatHasNoNormalForm) {
  for (const std::string_view path :
       {"a", "a/b", "?x", "/..", "/../a", "/a/../..", "/a/../../b", "/%2e%2e/a", "/./../a", "/%",
        "/%2", "/%zz", "/%2g", "/a%", "/a/%/b",
        // Whether "//.." means the parent of "" or of what stands before depends on the reader.
        "/a//..", "/a//../b", "/a//./../b", "//.."}) {
    EXPECT_EQ(NormalizePath(path), std::nullopt) << path;
    EXPECT_FALSE(IsNormalPath(path)) << path;
  }
}

TEST(CredentialRuleTest, MethodsAndPathsFilter) {
  CredentialRule rule;
  EXPECT_TRUE(rule.Matches("GET", "/"));
  rule.methods = {"GET", "POST"};
  EXPECT_TRUE(rule.Matches("POST", "/x"));
  EXPECT_FALSE(rule.Matches("PUT", "/x"));
  EXPECT_FALSE(rule.Matches("get", "/x")) << "methods are case-sensitive (RFC 9110 §9.1)";
  rule.paths = {"/v1/**", "/health"};
  EXPECT_TRUE(rule.Matches("GET", "/v1/x/y"));
  EXPECT_TRUE(rule.Matches("GET", "/health"));
  EXPECT_FALSE(rule.Matches("GET", "/v2/x"));
  EXPECT_FALSE(rule.Matches("PUT", "/health"));
}

}  // namespace
}  // namespace sallyport::rules

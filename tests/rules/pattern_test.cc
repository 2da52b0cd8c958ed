#include "rules/pattern.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/status.h"
#include "rules/pattern_set.h"

namespace sallyport::rules {
namespace {

using ::testing::HasSubstr;

Pattern Parsed(std::string_view text) {
  absl::StatusOr<Pattern> pattern = Pattern::Parse(text);
  EXPECT_TRUE(pattern.ok()) << text << ": " << pattern.status();
  return pattern.ok() ? *std::move(pattern) : Pattern{};
}

Authority At(std::string_view text) {
  absl::StatusOr<Authority> authority = ParseAuthority(text, 443);
  EXPECT_TRUE(authority.ok()) << text << ": " << authority.status();
  return authority.ok() ? *std::move(authority) : Authority{};
}

// Every form of the table in docs/configuration.md, with what it must not match.
const struct {
  std::string_view pattern;
  std::string_view authority;
  bool matches;
} kMatches[] = {
    {"api.test", "api.test", true},
    {"api.test", "API.Test.:8443", true},
    {"API.TEST.", "api.test", true},
    {"api.test", "a.api.test", false},
    {"api.test", "evil-api.test", false},
    {"api.test", "api.test.evil", false},
    {"api.test", "apiXtest", false},
    {"api.test:443", "api.test:443", true},
    {"api.test:443", "api.test:8443", false},
    {"bücher.example", "xn--bcher-kva.example", true},
    {"xn--bcher-kva.example", "BÜCHER.example", true},

    {"*.x", "x", false},
    {"*.x", "a.x", true},
    {"*.x", "a.b.x", true},
    {"*.x", "ax", false},
    {"*.example.com", "example.com", false},
    {"*.example.com", "a.example.com", true},
    {"*.example.com", "a.b.c.example.com:8443", true},
    {"*.example.com", "evilexample.com", false},
    {"*.example.com", "a.example.com.evil", false},
    {"*.Example.COM.", "a.example.com", true},
    {"*.example.com:443", "a.example.com:443", true},
    {"*.example.com:443", "a.example.com:80", false},
    {"*.bücher.example", "a.xn--bcher-kva.example", true},
    {"**.example.com", "example.com", false},
    {"**.example.com", "a.b.example.com", true},
    {"**.example.com:443", "a.example.com:444", false},

    {"api-*.example.com", "api-eu.example.com", true},
    {"api-*.example.com", "api-.example.com", true},
    {"api-*.example.com", "API-EU.example.com", true},
    {"api-*.example.com", "api-eu.west.example.com", false},
    {"api-*.example.com", "a.api-eu.example.com", false},
    {"api-*.example.com", "api.example.com", false},
    {"api-*.example.com:443", "api-eu.example.com:80", false},
    {"*-api.example.com", "eu-api.example.com", true},
    {"a*b*c.example.com", "axxbyyc.example.com", true},
    {"a*b*c.example.com", "axxbyy.example.com", false},
    {"*.api-*.example.com", "x.api-1.example.com", true},
    {"*.api-*.example.com", "y.x.api-1.example.com", true},
    {"*.api-*.example.com", "api-1.example.com", false},
    {"api.*.example.com", "api.eu.example.com", true},
    {"api.*.example.com", "api.eu.west.example.com", false},
    {"api.*", "api.test", true},
    {"api.*", "api.co.uk", false},

    {"*", "api.test:1", true},
    {"*", "192.0.2.1", true},
    {"*", "[2001:db8::1]", true},
    {"*:443", "api.test:443", true},
    {"*:443", "api.test:80", false},

    {"192.0.2.7", "192.0.2.7:80", true},
    {"192.0.2.7", "192.0.2.8", false},
    {"192.0.2.7:8080", "192.0.2.7:8080", true},
    {"192.0.2.7:8080", "192.0.2.7:80", false},
    {"127.1", "127.0.0.1", true},
    {"127.0.0.1", "0x7f.1", true},
    {"127.0.0.1", "[::ffff:127.0.0.1]", true},
    {"[2001:db8::1]:443", "[2001:db8::1]:443", true},
    {"[2001:db8::1]:443", "[2001:db8::1]:80", false},
    {"[2001:DB8::1]", "[2001:db8:0::1]:80", true},
    {"*.0.0.1.example", "127.0.0.1", false},

    {"192.0.2.0/24", "192.0.2.255", true},
    {"192.0.2.0/24", "192.0.3.0", false},
    {"192.0.2.0/24", "a.192.example", false},
    {"2001:db8::/32", "[2001:db8:ffff::1]:99", true},
    {"2001:db8::/32", "[2001:db9::1]", false},
    {"::ffff:192.0.2.0/120", "192.0.2.9", true},

    {"~api-[0-9]+\\.test:443", "api-12.test:443", true},
    {"~api-[0-9]+\\.test:443", "api-12.test:80", false},
    {"~api-[0-9]+\\.test:443", "xapi-12.test:443", false},
    {"~api-[0-9]+\\.test:443", "api-12.test:4433", false},
    {"~^api\\.test:(80|443)$", "API.test.:80", true},
    {"~api\\.test", "api.test:443", false},
    {"~\\[2001:db8::1\\]:443", "[2001:db8::1]:443", true},
};

TEST(PatternTest, MatchesAsItsFormSays) {
  for (const auto& c : kMatches) {
    EXPECT_EQ(Parsed(c.pattern).Matches(At(c.authority)), c.matches)
        << c.pattern << " against " << c.authority;
  }
}

TEST(PatternSetTest, FindsWhatEachPatternMatchesAlone) {
  for (const auto& c : kMatches) {
    PatternSet set;
    set.Add(Parsed(c.pattern), 7);
    EXPECT_EQ(set.MatchesAny(At(c.authority)), c.matches)
        << c.pattern << " against " << c.authority;
  }
}

TEST(PatternSetTest, FindsTheSameAmongAllTheOthers) {
  PatternSet set;
  std::vector<Pattern> patterns;
  for (const auto& c : kMatches) {
    patterns.push_back(Parsed(c.pattern));
    set.Add(patterns.back(), static_cast<uint32_t>(patterns.size() - 1));
  }
  for (const auto& c : kMatches) {
    const Authority authority = At(c.authority);
    std::vector<bool> found(patterns.size());
    uint64_t best = 0;
    set.ForEachMatch(authority, [&](const PatternSet::Entry& entry) {
      EXPECT_FALSE(found[entry.id]) << "visited twice";
      found[entry.id] = true;
      best = std::max(best, entry.specificity);
    });
    uint64_t best_of_best = 0;
    set.ForEachBestMatch(authority, [&](const PatternSet::Entry& entry) {
      best_of_best = std::max(best_of_best, entry.specificity);
    });
    EXPECT_EQ(best, best_of_best) << c.authority;
    for (size_t i = 0; i < patterns.size(); ++i) {
      EXPECT_EQ(found[i], patterns[i].Matches(authority))
          << patterns[i].ToString() << " against " << c.authority;
    }
  }
}

TEST(PatternTest, RefusesBadFormsAndSaysWhatIsRight) {
  const struct {
    std::string_view pattern;
    std::string_view message;
  } cases[] = {
      {"", "empty"},
      {"https://api.test", "no scheme"},
      {"https://api.test/", "no scheme"},
      {"api.test/v1", "no path"},
      {"api.test/24", "no path"},
      {"192.0.2.0/33", "0 to 32"},
      {"192.0.2.0/", "0 to 32"},
      {"192.0.2.0/24:80", "0 to 32"},
      {"[2001:db8::]/32", "no path"},
      {"a..b", "empty label"},
      {"a b", "space"},
      {" a", "space"},
      {"user@api.test", "'@'"},
      {"api.test:0", "65535"},
      {"api.test:65536", "65535"},
      {"api.test:", "65535"},
      {"api.test:http", "65535"},
      {"api.test:*", "any port"},
      {"*:*", "any port"},
      {"*:0", "65535"},
      {".example.com", "*.example.com"},
      {"*.", "name after it"},
      {"**.", "name after it"},
      {"*..example.com", "empty label"},
      {"*.a..b", "empty label"},
      {"**", "\"*\""},
      {"***", "'**'"},
      {"a**b.example.com", "'**'"},
      {"a.**.example.com", "'**'"},
      {"**example.com", "'**'"},
      {"*.1.2.3", "address"},
      {"192.0.2.*", "address"},
      {"*.2.3.4", "address"},
      {"*.0x1", "address"},
      {"bü*.example", "A-label"},
      {"*.exa mple.com", "space"},
      {"a*%.example.com", "'%'"},
      {"2001:db8::1", "[2001:db8::1]"},
      {"::1", "[::1]"},
      {"[::1", "']'"},
      {"[192.0.2.1]", "IPv6"},
      {"1.2.3.4.5", "number"},
      {"256.1.1.1", "number"},
      {"~", "regular expression"},
      {"~(", "RE2"},
      {"~a\\", "RE2"},
      {"~(?=a)", "RE2"},
      {"~(a{1000}){1000}", "RE2"},
  };
  for (const auto& c : cases) {
    const absl::StatusOr<Pattern> pattern = Pattern::Parse(c.pattern);
    ASSERT_FALSE(pattern.ok()) << c.pattern << " became " << pattern->ToString();
    EXPECT_THAT(std::string(Message(pattern.status())), HasSubstr(std::string(c.message)))
        << c.pattern;
  }
}

TEST(PatternTest, CanonicalTextParsesToItself) {
  for (const auto& c : kMatches) {
    const Pattern pattern = Parsed(c.pattern);
    const Pattern again = Parsed(pattern.ToString());
    EXPECT_EQ(again.ToString(), pattern.ToString());
    EXPECT_EQ(again.kind, pattern.kind) << c.pattern;
    EXPECT_EQ(again.Specificity(), pattern.Specificity()) << c.pattern;
  }
}

TEST(PatternTest, SpecificityFollowsTheDocumentedOrder) {
  // Narrowest first; patterns in one row are equal.
  const std::vector<std::vector<std::string_view>> order = {
      {"a.example.com:443", "192.0.2.7:80"},
      {"a.example.com", "192.0.2.7", "b.test"},
      {"192.0.2.0/25"},
      {"192.0.2.0/24"},
      {"api-*.example.com:443"},
      {"api-*.example.com"},
      {"*.example.com:443", "**.example.com:443"},
      {"*.example.com", "**.example.com"},
      {"*.com:443"},
      {"*.com", "*.net"},
      {"~.*", "~x"},
      {"*:443", "*:80"},
      {"*"},
  };
  for (size_t i = 0; i < order.size(); ++i) {
    const uint64_t row = Parsed(order[i][0]).Specificity();
    for (const std::string_view text : order[i]) EXPECT_EQ(Parsed(text).Specificity(), row) << text;
    if (i > 0) {
      EXPECT_LT(row, Parsed(order[i - 1][0]).Specificity()) << order[i][0];
    }
  }
}

TEST(PatternTest, KnowsWhatItCovers) {
  const struct {
    std::string_view wide;
    std::string_view narrow;
    bool covers;
  } cases[] = {
      {"*", "a.test:443", true},
      {"*", "~x", true},
      {"*:443", "a.test:443", true},
      {"*:443", "a.test", false},
      {"a.test", "a.test", true},
      {"a.test", "a.test:443", true},
      {"a.test:443", "a.test", false},
      {"a.test", "*.a.test", false},
      {"*.test", "a.test", true},
      {"*.test", "*.a.test", true},
      {"*.test", "**.test", true},
      {"*.test", "api-*.test", true},
      {"*.test", "test", false},
      {"*.a.test", "*.test", false},
      {"*.test", "192.0.2.1", false},
      {"api-*.test", "api-1.test", true},
      {"api-*.test", "api-*.test", true},
      {"api-*.test", "*.test", false},
      {"192.0.2.0/24", "192.0.2.9", true},
      {"192.0.2.0/24", "192.0.2.0/25", true},
      {"192.0.2.0/24", "192.0.0.0/16", false},
      {"192.0.2.0/24", "a.test", false},
      {"~a\\.test:443", "a.test:443", true},
      {"~a\\.test:443", "a.test", false},
      {"~x", "~x", true},
      {"~x", "~y", false},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(Parsed(c.wide).Covers(Parsed(c.narrow)), c.covers) << c.wide << " " << c.narrow;
  }
}

TEST(PatternTest, KnowsWhetherItSpansAPublicSuffix) {
  for (const std::string_view text :
       {"*.com", "*.co.uk", "*.github.io", "*.com:443", "**.com", "api-*.com", "*-x.github.io",
        "*.api-*.co.uk", "example.*", "*example.com", "*", "*:443", "~.*", "~.*:443",
        "~[a-z0-9.-]+:[0-9]+", "~.+\\.com:443"}) {
    EXPECT_TRUE(Parsed(text).SpansPublicSuffix()) << text;
  }
  for (const std::string_view text :
       {"com", "example.com", "*.example.com", "api-*.example.com", "*.example.github.io", "*.test",
        "*.internal", "*.svc.cluster.local", "192.0.2.0/24", "~.*\\.example\\.com:443"}) {
    EXPECT_FALSE(Parsed(text).SpansPublicSuffix()) << text;
  }
}

}  // namespace
}  // namespace sallyport::rules

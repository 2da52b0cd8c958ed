#include "proxy/upstream/upstream_proxy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sallyport::upstream {
namespace {

rules::Authority AuthorityOf(std::string_view text) {
  return rules::ParseAuthority(text, std::nullopt).value();
}

TEST(NoProxyList, ListsNamesAddressesAndRanges) {
  const struct {
    const char* list;
    const char* authority;
    bool contained;
  } cases[] = {
      {"", "a.test:443", false},
      {"*", "a.test:443", true},
      {"a.test", "a.test:443", true},
      {"a.test", "b.a.test:443", true},
      {"a.test", "ba.test:443", false},
      {".a.test", "a.test:443", true},
      {"*.a.test", "b.a.test:443", true},
      {"A.Test.", "a.test:443", true},
      {"a.test:443", "a.test:443", true},
      {"a.test:8443", "a.test:443", false},
      {"x.test, a.test", "a.test:80", true},
      {"x.test a.test", "a.test:80", true},
      {"192.0.2.7", "192.0.2.7:80", true},
      {"192.0.2.7:81", "192.0.2.7:80", false},
      {"192.0.2.0/24", "192.0.2.200:80", true},
      {"192.0.2.0/24", "a.test:80", false},
      {"2001:db8::/32", "[2001:db8::1]:80", true},
      {"2001:db8::1", "[2001:db8::1]:80", true},
      {"[2001:db8::1]:80", "[2001:db8::1]:80", true},
      {"[2001:db8::1]:81", "[2001:db8::1]:80", false},
      {"test", "192.0.2.7:80", false},
  };
  for (const auto& test : cases) {
    const auto list = NoProxyList::Parse(test.list);
    ASSERT_TRUE(list.ok()) << test.list;
    EXPECT_EQ(list->Contains(AuthorityOf(test.authority)), test.contained)
        << test.list << " and " << test.authority;
  }
}

TEST(NoProxyList, RefusesWhatIsNoHost) {
  for (const char* text : {"a..b", "http://a.test", "user@a.test", "a.test/x", "192.0.2.0/33"}) {
    EXPECT_FALSE(NoProxyList::Parse(text).ok()) << text;
  }
}

TEST(UpstreamProxy, ReadsItsUrl) {
  const struct {
    const char* url;
    bool tls;
    const char* authority;
    const char* authorization;
  } cases[] = {
      {"http://proxy.test:3128", false, "proxy.test:3128", ""},
      {"proxy.test:3128", false, "proxy.test:3128", ""},
      {"HTTP://proxy.test/", false, "proxy.test:80", ""},
      {"https://proxy.test", true, "proxy.test:443", ""},
      {"http://[::1]:8080", false, "[::1]:8080", ""},
      {"http://user:pa%3Ass@proxy.test:1", false, "proxy.test:1", "Basic dXNlcjpwYTpzcw=="},
      {"http://us%40er@proxy.test:1", false, "proxy.test:1", "Basic dXNAZXI6"},
      {"http://u:p@ss@proxy.test:1", false, "proxy.test:1", "Basic dTpwQHNz"},
  };
  for (const auto& test : cases) {
    const auto proxy = UpstreamProxy::Parse(test.url, "");
    ASSERT_TRUE(proxy.ok()) << test.url << ": " << proxy.status();
    EXPECT_EQ(proxy->tls, test.tls) << test.url;
    EXPECT_EQ(proxy->authority.ToString(), test.authority) << test.url;
    EXPECT_EQ(proxy->authorization.Reveal(), test.authorization) << test.url;
  }
}

TEST(UpstreamProxy, RefusesWithoutShowingThePassword) {
  for (const char* url : {"socks5://user:hunter2@proxy.test", "http://user:hunter2@", "http://",
                          "http://user:hunter2%zz@proxy.test", "http://proxy.test:0",
                          "http://user:hunter2@proxy.test/path"}) {
    const auto proxy = UpstreamProxy::Parse(url, "");
    ASSERT_FALSE(proxy.ok()) << url;
    EXPECT_THAT(proxy.status().ToString(), testing::Not(testing::HasSubstr("hunter2"))) << url;
  }
}

}  // namespace
}  // namespace sallyport::upstream

#include "rules/authority.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/status.h"

namespace sallyport::rules {
namespace {

using ::testing::HasSubstr;

TEST(ParseHostTest, EverySpellingHasOneCanonicalForm) {
  const struct {
    std::string_view text;
    std::string_view canonical;
    bool address = false;
  } cases[] = {
      {"api.test", "api.test"},
      {"API.Test", "api.test"},
      {"api.test.", "api.test"},
      {"API.TEST.", "api.test"},
      {"localhost", "localhost"},
      {"_dmarc.example.com", "_dmarc.example.com"},
      {"my_service.internal", "my_service.internal"},
      {"r3---sn-abc.example.com", "r3---sn-abc.example.com"},
      {"-a-.example.com", "-a-.example.com"},
      {"1a.example", "1a.example"},
      {"123.example", "123.example"},
      {"1.2.3.4.example", "1.2.3.4.example"},
      {"0xg", "0xg"},
      // Internationalised names.
      {"bücher.example", "xn--bcher-kva.example"},
      {"BÜCHER.example", "xn--bcher-kva.example"},
      {"bu\u0308cher.example", "xn--bcher-kva.example"},
      {"xn--bcher-kva.example", "xn--bcher-kva.example"},
      {"XN--BCHER-KVA.example", "xn--bcher-kva.example"},
      {"faß.example", "xn--fa-hia.example"},
      {"ｅｘａｍｐｌｅ.com", "example.com"},
      {"例え。テスト", "xn--r8jz45g.xn--zckzah"},
      {"a．example｡com。", "a.example.com"},
      {"r3---sn.bücher.example", "r3---sn.xn--bcher-kva.example"},
      {"so\u00adft.example", "soft.example"},
      // IPv4 in the spellings of inet_aton(3).
      {"127.0.0.1", "127.0.0.1", true},
      {"127.0.0.1.", "127.0.0.1", true},
      {"127.1", "127.0.0.1", true},
      {"127.0.1", "127.0.0.1", true},
      {"2130706433", "127.0.0.1", true},
      {"0x7f.1", "127.0.0.1", true},
      {"0X7F.1", "127.0.0.1", true},
      {"0x7f000001", "127.0.0.1", true},
      {"0177.0.0.1", "127.0.0.1", true},
      {"017700000001", "127.0.0.1", true},
      {"1.2.65535", "1.2.255.255", true},
      {"1.16777215", "1.255.255.255", true},
      {"4294967295", "255.255.255.255", true},
      {"0", "0.0.0.0", true},
      {"0x", "0.0.0.0", true},
      {"１２７.0.0.1", "127.0.0.1", true},
      // IPv6.
      {"[2001:db8::1]", "2001:db8::1", true},
      {"[2001:DB8:0:0:0:0:0:1]", "2001:db8::1", true},
      {"[::1]", "::1", true},
      {"[::ffff:127.0.0.1]", "127.0.0.1", true},
      {"[::ffff:7f00:1]", "127.0.0.1", true},
      {"[64:ff9b::7f00:1]", "64:ff9b::7f00:1", true},
  };
  for (const auto& c : cases) {
    const absl::StatusOr<Host> host = ParseHost(c.text);
    ASSERT_TRUE(host.ok()) << c.text << ": " << host.status();
    EXPECT_EQ(host->name, c.canonical) << c.text;
    EXPECT_EQ(host->address.has_value(), c.address) << c.text;
    if (c.address) {
      EXPECT_EQ(host->address->ToString(), c.canonical) << c.text;
    }
  }
}

TEST(ParseHostTest, CanonicalFormsAreFixedPoints) {
  for (const std::string_view text :
       {"bücher.example", "ｅｘａｍｐｌｅ.com", "0177.1", "API.Test.", "例え。テスト"}) {
    const absl::StatusOr<Host> once = ParseHost(text);
    ASSERT_TRUE(once.ok()) << text;
    EXPECT_EQ(*ParseHost(once->name), *once) << text;
  }
}

TEST(ParseHostTest, RefusesWhatHasNoCanonicalForm) {
  using std::string_view_literals::operator""sv;
  const std::string long_label(64, 'a');
  const std::string long_name = std::string(63, 'a') + '.' + std::string(63, 'b') + '.' +
                                std::string(63, 'c') + '.' + std::string(62, 'd');
  const struct {
    std::string_view text;
    std::string_view message;
  } cases[] = {
      {"", "empty"},
      {".", "empty"},
      {"..", "empty label"},
      {".a", "empty label"},
      {"a..b", "empty label"},
      {"a.test..", "empty label"},
      {"a。。b", "empty label"},
      {"user@api.test", "'@'"},
      {"api%2etest", "'%'"},
      {"api.test\0.evil"sv, "control"},
      {"api.test\r\n", "control"},
      {"api.test\x7f", "control"},
      {"api test", "space"},
      {" api.test", "space"},
      {"api.test/x", "'/'"},
      {"api.test\\x", "'\\'"},
      {"api*.test", "'*'"},
      {"api.test?", "'?'"},
      {"api.test#", "'#'"},
      {"a:b", "brackets"},
      {"2001:db8::1", "brackets"},
      {"::1", "brackets"},
      {"[::1", "']'"},
      {"[::1]x", "']'"},
      {"[]", "not an IPv6"},
      {"[127.0.0.1]", "not an IPv6"},
      {"[fe80::1%eth0]", "not an IPv6"},
      {"[::1\0]"sv, "not an IPv6"},
      // What ends in a number is an address or nothing.
      {"1.2.3.4.5", "ends in a number"},
      {"256.1.1.1", "ends in a number"},
      {"1.256.1", "ends in a number"},
      {"1.2.3.256", "ends in a number"},
      {"1.2.65536", "ends in a number"},
      {"4294967296", "ends in a number"},
      {"99999999999999999999", "ends in a number"},
      {"08.1.1.1", "ends in a number"},
      {"1.2.3.09", "ends in a number"},
      {"0x100000000", "ends in a number"},
      {"example.1", "ends in a number"},
      {"example.0xff", "ends in a number"},
      {"example.0x", "ends in a number"},
      // A-labels that UTS 46 never makes.
      {"xn--.example", "internationalised"},
      {"xn--a.example", "internationalised"},
      {"xn--1234.example", "internationalised"},
      {"xn--bcher.example", "internationalised"},
      {"xn--abc-.example", "internationalised"},
      // Characters that map to delimiters, to nothing, or are no UTF-8.
      {"a／b.example", "'/'"},
      {"a％b.example", "'%'"},
      {"a＠b.example", "'@'"},
      {"\u00ad.example", "internationalised"},
      {"a․b.example", "internationalised"},
      {"\u200d.example", "internationalised"},
      {"a\xff.example", "internationalised"},
      {"\xc3", "internationalised"},
  };
  for (const auto& c : cases) {
    const absl::StatusOr<Host> host = ParseHost(c.text);
    ASSERT_FALSE(host.ok()) << c.text << " became " << host->name;
    EXPECT_THAT(std::string(Message(host.status())), HasSubstr(std::string(c.message))) << c.text;
  }
  EXPECT_FALSE(ParseHost(long_label + ".test").ok());
  EXPECT_TRUE(ParseHost(long_label.substr(1) + ".test").ok());
  EXPECT_FALSE(ParseHost(long_name).ok());
  EXPECT_TRUE(ParseHost(long_name.substr(1)).ok());
  EXPECT_TRUE(ParseHost(long_name.substr(1) + ".").ok());
  EXPECT_FALSE(ParseHost(std::string(1 << 20, 'a')).ok());
  EXPECT_FALSE(ParseHost(std::string(1 << 20, '.')).ok());
}

TEST(ParseAuthorityTest, TakesThePortFromTheTextOrTheScheme) {
  const struct {
    std::string_view text;
    std::optional<uint16_t> default_port;
    std::string_view canonical;
  } cases[] = {
      {"api.test:443", std::nullopt, "api.test:443"},
      {"API.test.:8443", 443, "api.test:8443"},
      {"api.test", 80, "api.test:80"},
      {"api.test:1", std::nullopt, "api.test:1"},
      {"api.test:65535", std::nullopt, "api.test:65535"},
      {"127.1:80", std::nullopt, "127.0.0.1:80"},
      {"[2001:DB8::1]:443", std::nullopt, "[2001:db8::1]:443"},
      {"[2001:DB8::1]", 443, "[2001:db8::1]:443"},
      {"[::ffff:127.0.0.1]:80", std::nullopt, "127.0.0.1:80"},
  };
  for (const auto& c : cases) {
    const absl::StatusOr<Authority> authority = ParseAuthority(c.text, c.default_port);
    ASSERT_TRUE(authority.ok()) << c.text << ": " << authority.status();
    EXPECT_EQ(authority->ToString(), c.canonical) << c.text;
  }
}

TEST(ParseAuthorityTest, RefusesBadPortsAndBareIpv6) {
  for (const std::string_view text : {"api.test:0",
                                      "api.test:65536",
                                      "api.test:100000",
                                      "api.test:",
                                      "api.test:x",
                                      "api.test:-1",
                                      "api.test:+1",
                                      "api.test: 1",
                                      "api.test:1 ",
                                      "api.test:0x50",
                                      ":443",
                                      "",
                                      "[::1]443",
                                      "[::1]:",
                                      "[::1]:0",
                                      "[::1]:443:1",
                                      "::1",
                                      "2001:db8::1:443",
                                      "a:1:2",
                                      "user@api.test:443",
                                      "user:pass@api.test:443",
                                      "[::1]x:443",
                                      "[::1",
                                      "]:443",
                                      "[[::1]]:443"}) {
    EXPECT_FALSE(ParseAuthority(text, 443).ok()) << text;
  }
  EXPECT_FALSE(ParseAuthority("api.test", std::nullopt).ok());
}

TEST(ParseAuthorityTest, SaysThatIpv6NeedsBrackets) {
  EXPECT_THAT(std::string(Message(ParseAuthority("2001:db8::1", 443).status())),
              HasSubstr("brackets"));
}

}  // namespace
}  // namespace sallyport::rules

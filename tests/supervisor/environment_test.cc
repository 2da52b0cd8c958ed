#include "supervisor/environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "base/status.h"

namespace sallyport::supervisor {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Key;
using testing::Not;
using testing::Pair;

ProxyAccess Access() {
  ProxyAccess access;
  access.host = "127.0.0.1";
  access.port = 39021;
  access.ca_bundle_file = "/run/ca/ca-bundle.crt";
  access.java_tool_options = "-Da=b -Dc=d";
  access.placeholders = {{"API_KEY", "sallyport-0123"}};
  return access;
}

TEST(EnvironmentTest, TheChildGetsTheSafeListAndNothingElse) {
  const Environment host = {
      {"HOME", "/home/u"},  {"USER", "u"},        {"LOGNAME", "u"},    {"SHELL", "/bin/sh"},
      {"PATH", "/bin"},     {"TERM", "xterm"},    {"COLORTERM", "24"}, {"LANG", "C"},
      {"LC_TIME", "C"},     {"TZ", "UTC"},        {"TMPDIR", "/tmp"},  {"PWD", "/elsewhere"},
      {"SECRET", "s3cret"}, {"LD_PRELOAD", "x"},  {"HOMEX", "x"},      {"NO_PROXY", "*"},
      {"https_proxy", "x"}, {"SALLYPORT_X", "x"}, {"AWS_KEY", "x"},    {"SSL_CERT_DIR", "x"},
  };
  const Environment child = ChildEnvironment(host, Access(), {}, "/work");
  for (const char* name : {"HOME", "USER", "LOGNAME", "SHELL", "PATH", "TERM", "COLORTERM", "LANG",
                           "LC_TIME", "TZ", "TMPDIR"}) {
    EXPECT_THAT(child, Contains(Pair(name, host.at(name))));
  }
  EXPECT_THAT(child, Contains(Pair("PWD", "/work")));
  for (const char* name :
       {"SECRET", "LD_PRELOAD", "HOMEX", "SALLYPORT_X", "AWS_KEY", "SSL_CERT_DIR"}) {
    EXPECT_THAT(child, Not(Contains(Key(name))));
  }
  EXPECT_EQ(child.at("NO_PROXY"), "localhost,127.0.0.1,::1");
  EXPECT_EQ(child.at("https_proxy"), "http://127.0.0.1:39021");
}

TEST(EnvironmentTest, EveryProxyAndCaVariableIsSet) {
  const Environment environment = AccessEnvironment(Access());
  for (const char* name : {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy",
                           "all_proxy", "grpc_proxy"}) {
    EXPECT_THAT(environment, Contains(Pair(name, "http://127.0.0.1:39021")));
  }
  for (const char* name :
       {"SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "DENO_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
        "GIT_SSL_CAINFO", "AWS_CA_BUNDLE", "PIP_CERT", "CARGO_HTTP_CAINFO", "npm_config_cafile",
        "BUNDLE_SSL_CA_CERT", "NIX_SSL_CERT_FILE", "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"}) {
    EXPECT_THAT(environment, Contains(Pair(name, "/run/ca/ca-bundle.crt")));
  }
  EXPECT_THAT(environment, Contains(Pair("NODE_USE_ENV_PROXY", "1")));
  EXPECT_THAT(environment, Contains(Pair("JAVA_TOOL_OPTIONS", "-Da=b -Dc=d")));
  EXPECT_THAT(environment, Contains(Pair("API_KEY", "sallyport-0123")));
}

TEST(EnvironmentTest, RequestedVariablesNeverBringBackASecretOrAnotherProxy) {
  const Environment host = {{"EXTRA", "1"}, {"API_KEY", "s3cret"}, {"HTTPS_PROXY", "http://other"}};
  const Environment child =
      ChildEnvironment(host, Access(), {"EXTRA", "API_KEY", "HTTPS_PROXY", "UNSET"}, "/");
  EXPECT_EQ(child.at("EXTRA"), "1");
  EXPECT_EQ(child.at("API_KEY"), "sallyport-0123");
  EXPECT_EQ(child.at("HTTPS_PROXY"), "http://127.0.0.1:39021");
  EXPECT_THAT(child, Not(Contains(Key("UNSET"))));
}

TEST(EnvironmentTest, AnExplicitValueIsTheOperatorsWord) {
  const Environment child =
      ChildEnvironment({}, Access(), {"NO_PROXY=a,b", "EMPTY=", "EQUALS=x=y"}, "/");
  EXPECT_EQ(child.at("NO_PROXY"), "a,b");
  EXPECT_EQ(child.at("EMPTY"), "");
  EXPECT_EQ(child.at("EQUALS"), "x=y");
}

TEST(EnvironmentTest, EnvOptionsNeedAName) {
  EXPECT_TRUE(CheckEnvOption("NAME").ok());
  EXPECT_TRUE(CheckEnvOption("NAME=").ok());
  EXPECT_FALSE(CheckEnvOption("").ok());
  EXPECT_FALSE(CheckEnvOption("=value").ok());
}

TEST(EnvironmentTest, EnvFilesAreLinesOfNameAndValue) {
  const auto text = EnvFileText({{"A", "http://[::1]:80"}, {"B", "x|y z"}});
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_EQ(*text, "A=http://[::1]:80\nB=x|y z\n");
}

TEST(EnvironmentTest, EnvFilesHoldNoLineBreaks) {
  const auto text = EnvFileText({{"KEY", "a\nPATH=/evil"}});
  ASSERT_FALSE(text.ok());
  EXPECT_THAT(Message(text.status()), HasSubstr("KEY"));
}

TEST(EnvironmentTest, ProxyUrlsBracketIpv6) {
  ProxyAccess access = Access();
  access.host = "::1";
  EXPECT_EQ(access.Url(), "http://[::1]:39021");
}

TEST(EnvironmentTest, TheHostEnvironmentIsRead) {
  setenv("ST_HOST_VARIABLE", "x=y", 1);
  EXPECT_THAT(HostEnvironment(), Contains(Pair("ST_HOST_VARIABLE", "x=y")));
  unsetenv("ST_HOST_VARIABLE");
}

}  // namespace
}  // namespace sallyport::supervisor

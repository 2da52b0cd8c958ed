// Leaves as judged by strict verifiers that are not ours. A verifier that is not installed is
// skipped, but not where CI=true.

#include <sys/wait.h>

#include <gtest/gtest.h>

#include <cstdio>

#include <fmt/core.h>

#include "ca/certificate_authority.h"
#include "tests/ca/temporary_folder.h"
#include "tests/ca/test_pki.h"

namespace sallyport::ca {
namespace {

// Exit status and everything printed.
struct Outcome {
  int status = -1;
  std::string output;
};

Outcome RunCommand(const std::string& command) {
  Outcome outcome;
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return outcome;
  char buffer[4096];
  while (const size_t size = fread(buffer, 1, sizeof(buffer), pipe)) {
    outcome.output.append(buffer, size);
  }
  const int status = pclose(pipe);
  if (WIFEXITED(status)) outcome.status = WEXITSTATUS(status);
  return outcome;
}

bool Installed(const std::string& tool) { return RunCommand("command -v " + tool).status == 0; }

bool InCi() {
  const char* ci = std::getenv("CI");
  return ci != nullptr && std::string_view(ci) == "true";
}

#define REQUIRE_TOOL(tool)                             \
  if (!Installed(tool)) {                              \
    if (InCi()) FAIL() << tool << " is not installed"; \
    GTEST_SKIP() << tool << " is not installed";       \
  }

struct HostCase {
  std::string host;
  // As the JDK prints addresses; for names, the name.
  std::string java_name;

  friend void PrintTo(const HostCase& c, std::ostream* out) { *out << c.host; }
};

class StrictClientsTest : public ::testing::TestWithParam<HostCase> {
 protected:
  void SetUp() override {
    const auto authority = *CertificateAuthority::Create("sallyport run 3f9c");
    const auto leaf = authority->Mint(GetParam().host, IpAddress::Parse(GetParam().host));
    ASSERT_TRUE(leaf.ok());
    authority_ = folder_.Write("ca.crt", authority->CertificatePem());
    leaf_ = folder_.Write("leaf.crt", testing::ToPem(leaf->certificate.get()));
  }
  std::string Files() const { return authority_ + " " + leaf_ + " "; }

  const testing::TemporaryFolder folder_;
  std::string authority_;
  std::string leaf_;
};

TEST_P(StrictClientsTest, OpenSslVerifiesStrictly) {
  REQUIRE_TOOL("openssl");
  const bool is_address = IpAddress::Parse(GetParam().host).has_value();
  const Outcome outcome = RunCommand(fmt::format(
      "openssl verify -x509_strict -purpose sslserver {} {} -CAfile {} {}",
      is_address ? "-verify_ip" : "-verify_hostname", GetParam().host, authority_, leaf_));
  EXPECT_EQ(outcome.status, 0) << outcome.output;
}

TEST_P(StrictClientsTest, GoVerifies) {
  REQUIRE_TOOL("go");
  const Outcome outcome =
      RunCommand("GO111MODULE=off GOFLAGS= go run " SALLYPORT_TEST_CLIENTS "/verify.go " + Files() +
                 GetParam().host);
  EXPECT_EQ(outcome.status, 0) << outcome.output;
}

TEST_P(StrictClientsTest, JavaVerifies) {
  REQUIRE_TOOL("java");
  const Outcome outcome =
      RunCommand("java " SALLYPORT_TEST_CLIENTS "/Verify.java " + Files() + GetParam().java_name);
  EXPECT_EQ(outcome.status, 0) << outcome.output;
}

std::string LongName() { return std::string(60, 'a') + "." + std::string(60, 'b') + ".test"; }

INSTANTIATE_TEST_SUITE_P(Hosts, StrictClientsTest,
                         ::testing::Values(HostCase{"api.example.com", "api.example.com"},
                                           HostCase{LongName(), LongName()},
                                           HostCase{"192.0.2.1", "192.0.2.1"},
                                           HostCase{"2001:db8::1", "2001:db8:0:0:0:0:0:1"}));

}  // namespace
}  // namespace sallyport::ca

#include "supervisor/java_files.h"

#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/status.h"
#include "ca/certificate_authority.h"
#include "tests/gateway-client/temporary_folder.h"

namespace sallyport::supervisor {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;
namespace fs = std::filesystem;

// What a Java program with these options trusts, and which proxy it uses.
constexpr const char* kProgram = R"(
import java.security.KeyStore;
import javax.net.ssl.*;
public class Trust {
  public static void main(String[] arguments) throws Exception {
    var factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    factory.init((KeyStore) null);
    System.out.println("anchors="
        + ((X509TrustManager) factory.getTrustManagers()[0]).getAcceptedIssuers().length);
    System.out.println("proxy=" + java.net.ProxySelector.getDefault().select(
        new java.net.URI("https://example.com/")));
  }
}
)";

class JavaFilesTest : public testing::Test {
 protected:
  // A folder whose name needs quotes.
  JavaFilesTest() { fs::create_directory(folder_.Path("c a")); }

  // A bundle with `count` certificates; its path.
  std::string WriteBundle(int count) {
    std::string pem = "# a comment, as systems' bundles have\n";
    for (int i = 0; i < count; ++i) {
      const auto authority = ca::CertificateAuthority::Create(fmt::format("test {}", i));
      EXPECT_TRUE(authority.ok()) << authority.status();
      if (authority.ok()) pem += (*authority)->CertificatePem();
    }
    return folder_.Write("c a/ca-bundle.crt", pem);
  }

  // Output of the program above with this in JAVA_TOOL_OPTIONS.
  std::string RunJava(const std::string& options) {
    const std::string source = folder_.Write("Trust.java", kProgram);
    setenv("JAVA_TOOL_OPTIONS", options.c_str(), 1);
    FILE* pipe = popen(fmt::format("java {} 2>&1", source).c_str(), "r");
    unsetenv("JAVA_TOOL_OPTIONS");
    std::string output;
    std::array<char, 4096> buffer;
    while (const size_t size = fread(buffer.data(), 1, buffer.size(), pipe)) {
      output.append(buffer.data(), size);
    }
    pclose(pipe);
    return output;
  }

  TemporaryFolder folder_;
};

// Java may be missing where a person runs the tests, but not in CI.
#define REQUIRE_JAVA()                                                                      \
  if (system("command -v java >/dev/null") != 0) {                                          \
    const char* ci = getenv("CI");                                                          \
    if (ci != nullptr && std::string_view(ci) == "true") FAIL() << "java is not installed"; \
    GTEST_SKIP() << "java is not installed";                                                \
  }

TEST_F(JavaFilesTest, JavaTrustsTheBundleAndUsesTheProxy) {
  REQUIRE_JAVA();
  const auto files =
      JavaFiles::Write(WriteBundle(3), "127.0.0.1", 39021, JavaFiles::Lifetime::kKeep);
  ASSERT_TRUE(files.ok()) << files.status();
  const std::string output = RunJava(files->inline_options());
  EXPECT_THAT(output, HasSubstr("anchors=3"));
  EXPECT_THAT(output, ContainsRegex("proxy=.*127.0.0.1/.*:39021"));
}

TEST_F(JavaFilesTest, TheOptionsByFileAreOneWord) {
  const auto files =
      JavaFiles::Write(folder_.Write("ca-bundle.crt", *ReadFile(WriteBundle(1), 1 << 20)),
                       "127.0.0.1", 39021, JavaFiles::Lifetime::kKeep);
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_THAT(files->options_by_file(), Not(HasSubstr(" ")));
  REQUIRE_JAVA();
  const std::string output = RunJava(files->options_by_file());
  EXPECT_THAT(output, HasSubstr("anchors=1"));
  EXPECT_THAT(output, ContainsRegex("proxy=.*127.0.0.1/.*:39021"));
}

TEST_F(JavaFilesTest, FilesGoOnlyWhenTheyShall) {
  const std::string bundle = WriteBundle(1);
  for (const auto lifetime : {JavaFiles::Lifetime::kRemoveAtEnd, JavaFiles::Lifetime::kKeep}) {
    {
      auto files = JavaFiles::Write(bundle, "::1", 1, lifetime);
      ASSERT_TRUE(files.ok()) << files.status();
      const JavaFiles moved = *std::move(files);
      EXPECT_TRUE(fs::exists(folder_.Path("c a/truststore.p12")));
    }
    const bool kept = lifetime == JavaFiles::Lifetime::kKeep;
    EXPECT_EQ(fs::exists(folder_.Path("c a/truststore.p12")), kept);
    EXPECT_EQ(fs::exists(folder_.Path("c a/java.options")), kept);
  }
}

TEST_F(JavaFilesTest, ABundleWithoutCertificatesIsAnError) {
  const std::string bundle = folder_.Write("ca-bundle.crt", "nothing");
  EXPECT_FALSE(JavaFiles::Write(bundle, "::1", 1, JavaFiles::Lifetime::kKeep).ok());
  EXPECT_FALSE(
      JavaFiles::Write(folder_.Path("missing"), "::1", 1, JavaFiles::Lifetime::kKeep).ok());
  EXPECT_FALSE(fs::exists(folder_.Path("truststore.p12")));
}

}  // namespace
}  // namespace sallyport::supervisor

#include "ca/bundle.h"

#include <sys/stat.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/status.h"
#include "tests/ca/temporary_folder.h"

namespace sallyport::ca {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using testing::ModeOf;
using testing::ScopedVariable;
using ::testing::StartsWith;
using testing::TemporaryFolder;

std::string Contents(const std::string& path) { return *ReadFile(path, size_t{16} << 20); }

class BundleTest : public ::testing::Test {
 protected:
  const TemporaryFolder folder_;
  const TemporaryFolder readable_;
  const std::string roots_ = readable_.Write("roots.pem", "the system's roots", 0644);
  const ScopedVariable named_{"SSL_CERT_FILE", roots_.c_str()};
  void SetUp() override { chmod(readable_.path().c_str(), 0755); }

  const std::unique_ptr<CertificateAuthority> authority_ = *CertificateAuthority::Create("run");
};

TEST_F(BundleTest, TheEnvironmentNamesFurtherRoots) {
  EXPECT_TRUE(ReadSystemRoots()->ends_with("the system's roots"));
  const ScopedVariable missing("SSL_CERT_FILE", "/no/such/file");
  EXPECT_THAT(std::string(Message(ReadSystemRoots().status())),
              ::testing::AllOf(HasSubstr("SSL_CERT_FILE"), HasSubstr("/no/such/file")));
}

TEST_F(BundleTest, WithoutTheVariableTheDistributionsBundleIsRead) {
  const ScopedVariable unset("SSL_CERT_FILE", nullptr);
  const auto roots = ReadSystemRoots();
  // A machine without ca-certificates is allowed; then the message says what to install.
  if (roots.ok()) {
    EXPECT_THAT(*roots, HasSubstr("-----BEGIN CERTIFICATE-----"));
  } else {
    EXPECT_THAT(std::string(Message(roots.status())), HasSubstr("install ca-certificates"));
  }
}

TEST_F(BundleTest, WritesOursAloneAndWithTheSystemsRoots) {
  const TemporaryFolder target;
  {
    const auto files = WriteCaFiles(target.path(), *authority_);
    ASSERT_TRUE(files.ok()) << Message(files.status());
    EXPECT_EQ(files->ca_crt, target.path() + "/ca.crt");
    EXPECT_EQ(files->ca_bundle_crt, target.path() + "/ca-bundle.crt");
    EXPECT_EQ(Contents(files->ca_crt), authority_->CertificatePem());
    EXPECT_TRUE(Contents(files->ca_bundle_crt)
                    .ends_with("the system's roots\n" + authority_->CertificatePem()));
    EXPECT_EQ(ModeOf(files->ca_crt), 0644u);
    EXPECT_EQ(ModeOf(files->ca_bundle_crt), 0644u);
  }
  // The folder is the user's.
  EXPECT_TRUE(std::filesystem::exists(target.path() + "/ca.crt"));
}

TEST_F(BundleTest, MakesTheFolderAndLeavesIt) {
  const std::string made = folder_.path() + "/made";
  EXPECT_EQ(WriteCaFiles(made, *authority_)->ca_crt, made + "/ca.crt");
  EXPECT_EQ(ModeOf(made), 0700u);
  EXPECT_TRUE(std::filesystem::exists(made + "/ca-bundle.crt"));
}

TEST_F(BundleTest, ReplacesTheFilesOfAnEarlierRun) {
  const TemporaryFolder target;
  target.Write("ca.crt", "old", 0400);
  const auto files = WriteCaFiles(target.path(), *authority_);
  ASSERT_TRUE(files.ok());
  EXPECT_EQ(Contents(files->ca_crt), authority_->CertificatePem());
  EXPECT_EQ(ModeOf(files->ca_crt), 0644u);
}

TEST_F(BundleTest, AFreshFolderIsPrivateAndGoesAway) {
  const ScopedVariable runtime("XDG_RUNTIME_DIR", nullptr);
  const ScopedVariable temporary("TMPDIR", folder_.path().c_str());
  std::string made;
  {
    auto written = WriteCaFiles("", *authority_);
    ASSERT_TRUE(written.ok()) << Message(written.status());
    const CaFiles files = *std::move(written);
    made = std::filesystem::path(files.ca_crt).parent_path();
    EXPECT_THAT(made, StartsWith(folder_.path() + "/"));
    EXPECT_EQ(ModeOf(made), 0700u);
    EXPECT_THAT(Contents(files.ca_bundle_crt), EndsWith(authority_->CertificatePem()));
  }
  EXPECT_FALSE(std::filesystem::exists(made));
}

TEST_F(BundleTest, AssigningTakesTheFolderOver) {
  const ScopedVariable runtime("XDG_RUNTIME_DIR", nullptr);
  const ScopedVariable temporary("TMPDIR", folder_.path().c_str());
  CaFiles one = *WriteCaFiles("", *authority_);
  const std::string first = one.ca_crt;
  CaFiles two = *WriteCaFiles("", *authority_);
  const std::string second = two.ca_crt;
  one = std::move(two);
  EXPECT_FALSE(std::filesystem::exists(first));
  EXPECT_TRUE(std::filesystem::exists(second));
}

TEST_F(BundleTest, PrefersTheRuntimeFolderIfItIsThere) {
  const ScopedVariable temporary("TMPDIR", folder_.path().c_str());
  const TemporaryFolder runtime_folder;
  {
    const ScopedVariable runtime("XDG_RUNTIME_DIR", runtime_folder.path().c_str());
    EXPECT_THAT(WriteCaFiles("", *authority_)->ca_crt, StartsWith(runtime_folder.path()));
  }
  const ScopedVariable gone("XDG_RUNTIME_DIR", "/no/such/folder");
  EXPECT_THAT(WriteCaFiles("", *authority_)->ca_crt, StartsWith(folder_.path()));
}

TEST_F(BundleTest, SaysWhatIsWrongWithTheFolder) {
  const auto error_of = [this](const std::string& folder) {
    return std::string(Message(WriteCaFiles(folder, *authority_).status()));
  };
  EXPECT_THAT(error_of(folder_.path() + "/none/deeper"),
              HasSubstr("mkdir -p -m 700 " + folder_.path() + "/none/deeper"));
  EXPECT_FALSE(std::filesystem::exists(folder_.path() + "/none"));
  EXPECT_THAT(error_of(roots_), HasSubstr("is not a folder"));
}

TEST_F(BundleTest, SaysThatTheFolderCannotBeWritten) {
  const TemporaryFolder target;
  chmod(target.path().c_str(), 0555);
  // Root may write anywhere, so it steps down for a moment.
  constexpr uid_t kNobody = 65534;
  const uid_t user = geteuid();
  if (user == 0) {
    ASSERT_EQ(seteuid(kNobody), 0);
  }
  const absl::Status status = WriteCaFiles(target.path(), *authority_).status();
  ASSERT_EQ(seteuid(user), 0);
  EXPECT_TRUE(absl::IsPermissionDenied(status));
  EXPECT_THAT(std::string(Message(status)),
              HasSubstr("cannot write into the CA folder " + target.path()));
}

}  // namespace
}  // namespace sallyport::ca

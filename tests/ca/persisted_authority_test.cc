#include <sys/stat.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <barrier>
#include <thread>

#include "base/file.h"
#include "base/status.h"
#include "ca/certificate_authority.h"
#include "ca/extensions.h"
#include "ca/private_key.h"
#include "tests/ca/temporary_folder.h"
#include "tests/ca/test_pki.h"

namespace sallyport::ca {
namespace {

using testing::CertificateOptions;
using ::testing::HasSubstr;
using testing::Identity;
using testing::Issue;
using testing::ModeOf;
using testing::TemporaryFolder;

std::string ErrorOf(const std::string& folder) {
  const auto authority = CertificateAuthority::LoadOrCreate(folder, "run");
  return authority.ok() ? "no error" : std::string(Message(authority.status()));
}

void WritePair(const TemporaryFolder& folder, const Identity& identity) {
  folder.Write("ca.crt", testing::ToPem(identity.certificate.get()), 0644);
  folder.Write("ca.key", PrivateKeyToPem(identity.key.get())->Reveal());
}

TEST(PersistedAuthorityTest, IsTheSameNextTime) {
  const TemporaryFolder folder;
  const auto made = CertificateAuthority::LoadOrCreate(folder.path(), "first");
  ASSERT_TRUE(made.ok()) << Message(made.status());
  EXPECT_EQ(ModeOf(folder.path() + "/ca.key"), 0600u);
  EXPECT_EQ(ModeOf(folder.path() + "/ca.crt"), 0644u);

  const auto loaded = CertificateAuthority::LoadOrCreate(folder.path(), "second");
  ASSERT_TRUE(loaded.ok()) << Message(loaded.status());
  EXPECT_EQ((*loaded)->CertificatePem(), (*made)->CertificatePem());
  EXPECT_TRUE((*loaded)->Mint("a.test", std::nullopt).ok());
  // Only the authority's key is kept.
  EXPECT_NE(*IdentifierOf((*loaded)->leaf_key()), *IdentifierOf((*made)->leaf_key()));
}

TEST(PersistedAuthorityTest, ReplacesACertificateWithoutAKey) {
  const TemporaryFolder folder;
  folder.Write("ca.crt", "left by a run whose key is gone", 0644);
  ASSERT_TRUE(CertificateAuthority::LoadOrCreate(folder.path(), "run").ok());
  EXPECT_EQ(ErrorOf(folder.path()), "no error");
}

TEST(PersistedAuthorityTest, ThoseThatStartAtOnceAgree) {
  constexpr int kStarters = 4;
  // Often enough to catch two that both find nothing.
  for (int round = 0; round < 20; ++round) {
    const TemporaryFolder folder;
    std::barrier<> together(kStarters);
    std::vector<std::string> certificates(kStarters);
    std::vector<std::thread> threads;
    for (std::string& certificate : certificates) {
      threads.emplace_back([&] {
        together.arrive_and_wait();
        const auto authority = CertificateAuthority::LoadOrCreate(folder.path(), "run");
        if (authority.ok()) certificate = (*authority)->CertificatePem();
      });
    }
    for (std::thread& thread : threads) thread.join();
    ASSERT_FALSE(certificates[0].empty());
    ASSERT_THAT(certificates, ::testing::Each(certificates[0]));
  }
}

TEST(PersistedAuthorityTest, RefusesWhatOthersCanOpen) {
  const TemporaryFolder folder;
  ASSERT_EQ(ErrorOf(folder.path()), "no error");
  for (const mode_t mode : {0640, 0604, 0620, 0602}) {
    chmod((folder.path() + "/ca.key").c_str(), mode);
    EXPECT_THAT(ErrorOf(folder.path()), HasSubstr("chmod 600 " + folder.path() + "/ca.key"));
  }
  chmod((folder.path() + "/ca.key").c_str(), 0600);
  for (const mode_t mode : {0750, 0705, 0720, 0702, 0711}) {
    chmod(folder.path().c_str(), mode);
    EXPECT_THAT(ErrorOf(folder.path()), HasSubstr("chmod 700 " + folder.path()));
  }
  chmod(folder.path().c_str(), 0700);
  EXPECT_EQ(ErrorOf(folder.path()), "no error");
}

TEST(PersistedAuthorityTest, NeverMakesAKeyWhereOthersCouldReadIt) {
  const TemporaryFolder folder;
  chmod(folder.path().c_str(), 0755);
  EXPECT_THAT(ErrorOf(folder.path()), HasSubstr("chmod 700"));
  EXPECT_FALSE(std::filesystem::exists(folder.path() + "/ca.key"));
  EXPECT_FALSE(std::filesystem::exists(folder.path() + "/ca.crt"));
}

TEST(PersistedAuthorityTest, SaysWhatIsWrongWithTheFolder) {
  const TemporaryFolder folder;
  EXPECT_THAT(ErrorOf(folder.path() + "/none/deeper"), HasSubstr("make it with"));
  EXPECT_THAT(ErrorOf(folder.Write("file", "")), HasSubstr("Not a directory"));
}

TEST(PersistedAuthorityTest, RefusesAKeyThatIsALink) {
  const TemporaryFolder folder;
  const TemporaryFolder elsewhere;
  ASSERT_EQ(ErrorOf(elsewhere.path()), "no error");
  std::filesystem::create_symlink(elsewhere.path() + "/ca.key", folder.path() + "/ca.key");
  EXPECT_THAT(ErrorOf(folder.path()), HasSubstr("cannot open"));
}

TEST(PersistedAuthorityTest, RefusesAKeyAndACertificateThatDoNotBelongTogether) {
  const TemporaryFolder folder;
  const Identity one = Issue({.authority = true});
  WritePair(folder, one);
  ASSERT_EQ(ErrorOf(folder.path()), "no error");
  folder.Write("ca.crt", testing::ToPem(Issue({.authority = true}).certificate.get()));
  EXPECT_THAT(ErrorOf(folder.path()), HasSubstr("do not belong together"));
}

TEST(PersistedAuthorityTest, RefusesAKeyWithoutItsCertificate) {
  const TemporaryFolder folder;
  ASSERT_EQ(ErrorOf(folder.path()), "no error");
  std::filesystem::remove(folder.path() + "/ca.crt");
  EXPECT_THAT(ErrorOf(folder.path()), HasSubstr("ca.crt is not; put it back"));
}

struct CertificateCase {
  const char* name;
  CertificateOptions options;
  const char* error;
};

class PersistedCertificateTest : public ::testing::TestWithParam<CertificateCase> {};

TEST_P(PersistedCertificateTest, IsRefused) {
  const TemporaryFolder folder;
  WritePair(folder, Issue(GetParam().options));
  EXPECT_THAT(ErrorOf(folder.path()), HasSubstr(GetParam().error));
  EXPECT_THAT(ErrorOf(folder.path()), HasSubstr(folder.path() + "/ca.crt"));
}

INSTANTIATE_TEST_SUITE_P(
    Certificates, PersistedCertificateTest,
    ::testing::Values(CertificateCase{"Expired",
                                      {.authority = true, .ends = std::chrono::seconds(-60)},
                                      "has expired"},
                      CertificateCase{"NotYetValid",
                                      {.authority = true, .starts = std::chrono::seconds(600)},
                                      "not valid yet"},
                      CertificateCase{"Leaf", {}, "not a certificate authority's"}),
    [](const auto& info) { return info.param.name; });

struct KeyFileCase {
  const char* name;
  const char* contents;
  const char* error;
};

class PersistedKeyFileTest : public ::testing::TestWithParam<KeyFileCase> {};

TEST_P(PersistedKeyFileTest, IsRefused) {
  const TemporaryFolder folder;
  ASSERT_EQ(ErrorOf(folder.path()), "no error");
  folder.Write("ca.key", GetParam().contents);
  EXPECT_THAT(ErrorOf(folder.path()), HasSubstr(GetParam().error));
  EXPECT_THAT(ErrorOf(folder.path()), HasSubstr(folder.path() + "/ca.key"));
}

INSTANTIATE_TEST_SUITE_P(
    Contents, PersistedKeyFileTest,
    ::testing::Values(KeyFileCase{"Empty", "", "is not a key file"},
                      KeyFileCase{"Garbage", "garbage", "not an unencrypted PEM private key"},
                      KeyFileCase{
                          "Ed25519",
                          "-----BEGIN PRIVATE KEY-----\n"
                          "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
                          "-----END PRIVATE KEY-----\n",
                          "not ECDSA P-256"}),
    [](const auto& info) { return info.param.name; });

TEST(PersistedAuthorityTest, RefusesACertificateThatIsGarbage) {
  const TemporaryFolder folder;
  ASSERT_EQ(ErrorOf(folder.path()), "no error");
  folder.Write("ca.crt", "garbage");
  EXPECT_THAT(ErrorOf(folder.path()), HasSubstr("ca.crt is not a certificate"));
}

}  // namespace
}  // namespace sallyport::ca

#include "ca/trust_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "base/status.h"
#include "ca/tls_compat.h"
#include "tests/ca/handshake.h"
#include "tests/ca/temporary_folder.h"
#include "tests/ca/test_pki.h"

namespace sallyport::ca {
namespace {

using std::chrono::seconds;
using testing::CertificateOptions;
using ::testing::HasSubstr;
using testing::Identity;
using testing::Issue;
using testing::IssueCrl;
using testing::TemporaryFolder;
using testing::ToPem;

SslCtxPtr ServerContext(const Identity& identity, const Identity* intermediate = nullptr) {
  SslCtxPtr context(SSL_CTX_new(TLS_method()));
  EXPECT_TRUE(ConfigureProtocol(context.get()).ok());
  EXPECT_EQ(SSL_CTX_use_certificate(context.get(), identity.certificate.get()), 1);
  EXPECT_EQ(SSL_CTX_use_PrivateKey(context.get(), identity.key.get()), 1);
  if (intermediate != nullptr) {
    EXPECT_EQ(SSL_CTX_add1_chain_cert(context.get(), intermediate->certificate.get()), 1);
  }
  return context;
}

// Connects as if to `host` and returns why that failed; empty if it did not.
std::string Visit(const std::string& host, X509_STORE* store, SSL_CTX* server) {
  const SslCtxPtr client(SSL_CTX_new(TLS_method()));
  EXPECT_TRUE(ConfigureProtocol(client.get()).ok());
  EXPECT_TRUE(ConfigureVerification(client.get(), store).ok());
  const testing::Pair pair = testing::Connect(client.get(), server);
  EXPECT_TRUE(SetVerifyHost(pair.client.get(), host, IpAddress::Parse(host)));
  const bool connected = testing::Handshake(pair);
  const std::string error = VerifyErrorText(pair.client.get());
  EXPECT_EQ(connected, error.empty());
  (void)OpenSslStatus("drained");
  return error;
}

class TrustStoreTest : public ::testing::Test {
 protected:
  std::string RootPem() const { return ToPem(root_.certificate.get()); }
  X509StorePtr Load(const std::vector<std::string>& files) const {
    auto store = LoadTrustStore(RootPem(), files);
    EXPECT_TRUE(store.ok()) << Message(store.status());
    return *std::move(store);
  }
  std::string Visit(const std::string& host, const CertificateOptions& options,
                    const std::vector<std::string>& extra_files = {}) const {
    const Identity leaf = Issue(options, &root_);
    const SslCtxPtr server = ServerContext(leaf);
    const X509StorePtr store = Load(extra_files);
    return ca::Visit(host, store.get(), server.get());
  }

  const TemporaryFolder folder_;
  const Identity root_ = Issue({.common_name = "root", .authority = true});
};

struct NameCase {
  std::string host;
  std::vector<std::string> alt_names;
  std::string error;
};

TEST_F(TrustStoreTest, TheCertificateMustNameTheHost) {
  const std::string name = "its certificate is for another host name";
  const std::string address = "its certificate is for another IP address";
  const NameCase cases[] = {
      {"a.test", {"DNS:a.test"}, ""},
      {"a.test", {"DNS:b.test", "DNS:a.test"}, ""},
      {"A.TEST", {"DNS:a.test"}, ""},
      {"x.a.test", {"DNS:*.a.test"}, ""},
      {"127.0.0.1", {"IP:127.0.0.1"}, ""},
      {"::1", {"IP:::1"}, ""},
      {"b.test", {"DNS:a.test"}, name},
      {"a.test", {"DNS:*.a.test"}, name},
      {"x.y.a.test", {"DNS:*.a.test"}, name},
      {"xy.a.test", {"DNS:x*.a.test"}, name},
      {"a.test.evil", {"DNS:a.test"}, name},
      {"evil-a.test", {"DNS:a.test"}, name},
      {"127.0.0.1", {"DNS:127.0.0.1"}, address},
      {"127.0.0.1", {"IP:127.0.0.2"}, address},
      {"127.0.0.1", {"DNS:*"}, address},
      {"a.test", {"IP:127.0.0.1"}, name},
  };
  for (const NameCase& c : cases) {
    EXPECT_EQ(Visit(c.host, {.alt_names = c.alt_names}), c.error)
        << c.host << " with " << c.alt_names.front();
  }
}

TEST_F(TrustStoreTest, TheCommonNameCountsForNothing) {
  EXPECT_EQ(Visit("a.test", {.common_name = "a.test"}), "its certificate is for another host name");
}

TEST_F(TrustStoreTest, TheCertificateMustBeValidNow) {
  EXPECT_EQ(Visit("a.test", {.alt_names = {"DNS:a.test"}, .ends = seconds(-60)}),
            "its certificate, or one it depends on, has expired");
  EXPECT_EQ(Visit("a.test", {.alt_names = {"DNS:a.test"}, .starts = seconds(600)}),
            "its certificate, or one it depends on, is not valid yet");
}

TEST_F(TrustStoreTest, TheIssuerMustBeKnown) {
  const Identity stranger = Issue({.common_name = "stranger", .authority = true});
  const Identity leaf = Issue({.alt_names = {"DNS:a.test"}}, &stranger);
  const Identity self_signed = Issue({.alt_names = {"DNS:a.test"}});
  const X509StorePtr store = Load({});
  EXPECT_THAT(ca::Visit("a.test", store.get(), ServerContext(leaf).get()),
              HasSubstr("unknown authority"));
  EXPECT_THAT(ca::Visit("a.test", store.get(), ServerContext(leaf, &stranger).get()),
              HasSubstr("a root that is not trusted"));
  EXPECT_EQ(ca::Visit("a.test", store.get(), ServerContext(self_signed).get()),
            "its certificate is self-signed and not trusted");
}

// A root whose key was replaced keeps its name for a while beside its successor.
TEST_F(TrustStoreTest, SystemRootsMayShareAName) {
  const Identity successor = Issue({.common_name = "root", .authority = true});
  for (const std::string& roots : {RootPem() + ToPem(successor.certificate.get()),
                                   ToPem(successor.certificate.get()) + RootPem()}) {
    const auto store = LoadTrustStore(roots, {});
    ASSERT_TRUE(store.ok());
    for (const Identity* root : {&root_, &successor}) {
      const Identity leaf = Issue({.alt_names = {"DNS:a.test"}}, root);
      EXPECT_EQ(ca::Visit("a.test", store->get(), ServerContext(leaf).get()), "");
    }
  }
}

TEST_F(TrustStoreTest, ASystemRootMayServe) {
  const Identity self_signed = Issue({.alt_names = {"DNS:a.test"}});
  const auto store = LoadTrustStore(RootPem() + ToPem(self_signed.certificate.get()), {});
  ASSERT_TRUE(store.ok());
  EXPECT_EQ(ca::Visit("a.test", store->get(), ServerContext(self_signed).get()), "");
}

TEST_F(TrustStoreTest, WhatIsMalformedAmongSystemRootsIsPassedOver) {
  std::string cut = RootPem();
  cut.erase(cut.size() / 2, 40);
  for (const std::string& before :
       {cut, std::string("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"),
        std::string("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"),
        std::string("-----BEGIN CERTIFICATE-----\nMAA=\n"), std::string("words\n")}) {
    const auto store = LoadTrustStore(before + RootPem(), {});
    ASSERT_TRUE(store.ok());
    const Identity leaf = Issue({.alt_names = {"DNS:a.test"}}, &root_);
    EXPECT_EQ(ca::Visit("a.test", store->get(), ServerContext(leaf).get()), "") << before;
  }
}

TEST_F(TrustStoreTest, ThreadsMayVerifyByOneStoreFromTheFirst) {
  const X509StorePtr store = Load({});
  const Identity leaf = Issue({.alt_names = {"DNS:a.test"}}, &root_);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back(
        [&] { EXPECT_EQ(ca::Visit("a.test", store.get(), ServerContext(leaf).get()), ""); });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(TrustStoreTest, ALeafMayNotIssue) {
  const Identity leaf = Issue({.common_name = "leaf", .alt_names = {"DNS:a.test"}}, &root_);
  const Identity forged = Issue({.alt_names = {"DNS:b.test"}}, &leaf);
  EXPECT_NE(ca::Visit("b.test", Load({}).get(), ServerContext(forged, &leaf).get()), "");
}

TEST_F(TrustStoreTest, ExtraFilesAddAuthoritiesAndSingleCertificates) {
  const Identity other = Issue({.common_name = "other", .authority = true});
  const Identity intermediate = Issue({.common_name = "intermediate", .authority = true}, &other);
  const Identity below = Issue({.alt_names = {"DNS:a.test"}}, &intermediate);
  const Identity self_signed = Issue({.alt_names = {"DNS:a.test"}});
  const std::string file =
      folder_.Write("extra.pem", "a comment\n" + ToPem(intermediate.certificate.get()) +
                                     "between\n" + ToPem(self_signed.certificate.get()));
  const X509StorePtr store = Load({file});
  // The intermediate is an anchor although its own issuer is unknown.
  EXPECT_EQ(ca::Visit("a.test", store.get(), ServerContext(below).get()), "");
  EXPECT_EQ(ca::Visit("a.test", store.get(), ServerContext(self_signed).get()), "");
  const Identity rooted = Issue({.alt_names = {"DNS:a.test"}}, &root_);
  EXPECT_EQ(ca::Visit("a.test", store.get(), ServerContext(rooted).get()), "");
}

TEST_F(TrustStoreTest, RevocationListsAreEnforcedWhereTheyExist) {
  const std::string revoked = "its certificate, or one it depends on, has been revoked";
  const Identity other = Issue({.common_name = "other", .authority = true});
  const std::string file = folder_.Write(
      "extra.pem", ToPem(other.certificate.get()) + ToPem(IssueCrl(root_, {66}).get()));

  const CertificateOptions good = {.alt_names = {"DNS:a.test"}, .serial = 65};
  const CertificateOptions bad = {.alt_names = {"DNS:a.test"}, .serial = 66};
  EXPECT_EQ(Visit("a.test", good, {file}), "");
  EXPECT_EQ(Visit("a.test", bad, {file}), revoked);
  EXPECT_EQ(Visit("a.test", bad), "");
  // An issuer without a list.
  EXPECT_EQ(ca::Visit("a.test", Load({file}).get(), ServerContext(Issue(bad, &other)).get()), "");
  // A failure of another kind is not forgiven along with the missing list.
  EXPECT_EQ(ca::Visit("b.test", Load({file}).get(), ServerContext(Issue(good, &other)).get()),
            "its certificate is for another host name");
}

TEST_F(TrustStoreTest, ARevokedIntermediateRefusesWhatItIssued) {
  const Identity intermediate =
      Issue({.common_name = "intermediate", .authority = true, .serial = 7}, &root_);
  const Identity leaf = Issue({.alt_names = {"DNS:a.test"}, .serial = 8}, &intermediate);
  const SslCtxPtr server = ServerContext(leaf, &intermediate);
  const std::string file = folder_.Write("list.pem", ToPem(IssueCrl(root_, {7}).get()));
  EXPECT_EQ(ca::Visit("a.test", Load({}).get(), server.get()), "");
  EXPECT_EQ(ca::Visit("a.test", Load({file}).get(), server.get()),
            "its certificate, or one it depends on, has been revoked");
}

TEST_F(TrustStoreTest, AnExpiredRevocationListRefuses) {
  const std::string file =
      folder_.Write("list.pem", ToPem(IssueCrl(root_, {66}, seconds(-60)).get()));
  EXPECT_EQ(Visit("a.test", {.alt_names = {"DNS:a.test"}}, {file}),
            "the revocation list for its certificate has expired");
}

TEST_F(TrustStoreTest, AForgedRevocationListIsNotBelieved) {
  Identity forger = Issue({.common_name = "root", .authority = true});
  const std::string file = folder_.Write("list.pem", ToPem(IssueCrl(forger, {}).get()));
  EXPECT_NE(Visit("a.test", {.alt_names = {"DNS:a.test"}}, {file}), "");
}

TEST_F(TrustStoreTest, SystemRootsThatCannotBeReadAreLeftOut) {
  const std::string roots =
      "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" + RootPem();
  const auto store = LoadTrustStore(roots, {});
  ASSERT_TRUE(store.ok());
  const Identity leaf = Issue({.alt_names = {"DNS:a.test"}}, &root_);
  EXPECT_EQ(ca::Visit("a.test", store->get(), ServerContext(leaf).get()), "");
}

TEST_F(TrustStoreTest, SaysWhatIsWrongWithAnExtraFile) {
  const std::string broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  const std::string unended = "-----BEGIN CERTIFICATE-----\nAAAA\n";
  const std::string key =
      "-----BEGIN PRIVATE KEY-----\n"
      "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
      "-----END PRIVATE KEY-----\n";
  const struct {
    const char* name;
    std::string contents;
    const char* error;
  } cases[] = {
      {"empty.pem", "", "has no certificate and no revocation list"},
      {"text.pem", "not PEM at all\n", "has no certificate and no revocation list"},
      {"key.pem", key, "has no certificate and no revocation list"},
      {"broken.pem", RootPem() + broken, "1 of its PEM blocks cannot be read; 1 certificates"},
      {"unended.pem", RootPem() + unended, "1 of its PEM blocks cannot be read; 1 certificates"},
      {"binary.pem", std::string("\x30\x82\x01\x0a\x00", 5), "has no certificate"},
  };
  for (const auto& c : cases) {
    const std::string path = folder_.Write(c.name, c.contents);
    const auto store = LoadTrustStore("", {path});
    ASSERT_FALSE(store.ok()) << c.name;
    EXPECT_THAT(std::string(Message(store.status())), HasSubstr(path));
    EXPECT_THAT(std::string(Message(store.status())), HasSubstr(c.error));
  }
  EXPECT_THAT(std::string(Message(LoadTrustStore("", {"/no/such/file"}).status())),
              HasSubstr("/no/such/file"));
}

TEST_F(TrustStoreTest, ACertificateGivenTwiceIsNoError) {
  const std::string file = folder_.Write("extra.pem", RootPem() + RootPem());
  EXPECT_EQ(Visit("a.test", {.alt_names = {"DNS:a.test"}}, {file, file}), "");
}

}  // namespace
}  // namespace sallyport::ca

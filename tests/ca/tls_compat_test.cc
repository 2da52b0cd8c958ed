#include "ca/tls_compat.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include <fmt/core.h>

#include "ca/certificate_authority.h"
#include "ca/leaf_cache.h"
#include "tests/ca/handshake.h"
#include "tests/ca/test_pki.h"

namespace sallyport::ca {
namespace {

// A server that mints for whatever name the client sends.
class TlsCompatTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (SSL_CTX* context : {client_.get(), server_.get()}) {
      ASSERT_TRUE(ConfigureProtocol(context).ok());
    }
    SetCertificateCallback(server_.get(), &TlsCompatTest::Choose, this);
    X509_STORE_add_cert(store_.get(), authority_->certificate());
    ASSERT_TRUE(ConfigureVerification(client_.get(), store_.get()).ok());
  }

  static int Choose(SSL* ssl, void* argument) {
    auto* test = static_cast<TlsCompatTest*>(argument);
    const char* sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    const auto leaf = test->cache_.Get(sni == nullptr ? "127.0.0.1" : sni,
                                       IpAddress::Parse(sni == nullptr ? "127.0.0.1" : ""));
    return leaf.ok() && UseLeaf(ssl, (*leaf)->certificate.get(), test->authority_->leaf_key());
  }

  bool Visit(const std::string& host, testing::Pair* pair) {
    *pair = testing::Connect(client_.get(), server_.get());
    const auto address = IpAddress::Parse(host);
    if (!address) SSL_set_tlsext_host_name(pair->client.get(), host.c_str());
    EXPECT_TRUE(SetVerifyHost(pair->client.get(), host, address));
    return testing::Handshake(*pair);
  }

  const std::unique_ptr<CertificateAuthority> authority_ = *CertificateAuthority::Create("run");
  LeafCache cache_{authority_.get()};
  const X509StorePtr store_{X509_STORE_new()};
  const SslCtxPtr client_{SSL_CTX_new(TLS_method())};
  const SslCtxPtr server_{SSL_CTX_new(TLS_method())};
};

TEST_F(TlsCompatTest, TheLeafIsChosenByName) {
  testing::Pair pair;
  EXPECT_TRUE(Visit("a.test", &pair)) << VerifyErrorText(pair.client.get());
  EXPECT_EQ(VerifyErrorText(pair.client.get()), "");
  EXPECT_TRUE(Visit("b.test", &pair)) << VerifyErrorText(pair.client.get());
  const X509Ptr presented(SSL_get_peer_certificate(pair.client.get()));
  EXPECT_EQ(testing::AltNames(presented.get()), "DNS:b.test");
  EXPECT_EQ(cache_.minted(), 2u);
}

TEST_F(TlsCompatTest, AClientWithoutANameIsServedTheAddress) {
  testing::Pair pair;
  EXPECT_TRUE(Visit("127.0.0.1", &pair)) << VerifyErrorText(pair.client.get());
}

TEST_F(TlsCompatTest, OnlyTheLeafIsSent) {
  testing::Pair pair;
  ASSERT_TRUE(Visit("a.test", &pair));
  EXPECT_EQ(sk_X509_num(SSL_get_peer_cert_chain(pair.client.get())), 1);
}

TEST_F(TlsCompatTest, AFailingCallbackFailsTheHandshake) {
  SetCertificateCallback(
      server_.get(), [](SSL*, void*) { return 0; }, nullptr);
  testing::Pair pair;
  EXPECT_FALSE(Visit("a.test", &pair));
  (void)OpenSslStatus("drained");
}

TEST_F(TlsCompatTest, ALeafWithAnotherKeyIsRefused) {
  const auto other = *CertificateAuthority::Create("other");
  const auto leaf = other->Mint("a.test", std::nullopt);
  const SslPtr ssl(SSL_new(server_.get()));
  EXPECT_TRUE(UseLeaf(ssl.get(), leaf->certificate.get(), other->leaf_key()));
  EXPECT_FALSE(UseLeaf(ssl.get(), leaf->certificate.get(), authority_->leaf_key()));
  (void)OpenSslStatus("drained");
}

TEST_F(TlsCompatTest, SpeaksTls12And13Only) {
  const struct {
    int version;
    bool spoken;
  } cases[] = {{TLS1_1_VERSION, false}, {TLS1_2_VERSION, true}, {TLS1_3_VERSION, true}};
  for (const auto& c : cases) {
    SSL_CTX_set_min_proto_version(client_.get(), std::min(c.version, TLS1_2_VERSION));
    SSL_CTX_set_max_proto_version(client_.get(), c.version);
    testing::Pair pair;
    EXPECT_EQ(Visit("a.test", &pair), c.spoken) << c.version;
    if (c.spoken) {
      EXPECT_EQ(SSL_version(pair.client.get()), c.version);
    }
    (void)OpenSslStatus("drained");
  }
}

TEST_F(TlsCompatTest, TheServersOrderOfProtocolsWins) {
  const std::string ours = EncodeAlpn({"h2", "http/1.1"});
  EXPECT_EQ(ours, "\x02h2\x08http/1.1");
  const struct {
    std::string offered;
    std::string_view agreed;
  } cases[] = {
      {EncodeAlpn({"http/1.1", "h2"}), "h2"},
      {EncodeAlpn({"http/1.1"}), "http/1.1"},
      {EncodeAlpn({"spdy/3", "http/1.1"}), "http/1.1"},
      {EncodeAlpn({"spdy/3"}), ""},
  };
  SelectAlpn(server_.get(), &ours);
  for (const auto& c : cases) {
    ASSERT_TRUE(OfferAlpn(client_.get(), c.offered).ok());
    testing::Pair pair;
    ASSERT_TRUE(Visit("a.test", &pair));
    EXPECT_EQ(NegotiatedAlpn(pair.client.get()), c.agreed);
    EXPECT_EQ(NegotiatedAlpn(pair.server.get()), c.agreed);
  }
}

TEST_F(TlsCompatTest, OneConnectionMayOfferOtherProtocols) {
  const std::string ours = EncodeAlpn({"h2", "http/1.1"});
  SelectAlpn(server_.get(), &ours);
  ASSERT_TRUE(OfferAlpn(client_.get(), ours).ok());
  const testing::Pair pair = testing::Connect(client_.get(), server_.get());
  ASSERT_TRUE(OfferAlpn(pair.client.get(), EncodeAlpn({"http/1.1"})).ok());
  SSL_set_tlsext_host_name(pair.client.get(), "a.test");
  ASSERT_TRUE(SetVerifyHost(pair.client.get(), "a.test", std::nullopt));
  ASSERT_TRUE(testing::Handshake(pair));
  EXPECT_EQ(NegotiatedAlpn(pair.client.get()), "http/1.1");
}

TEST_F(TlsCompatTest, AnEmptyNameIsNeverAccepted) {
  const SslPtr ssl(SSL_new(client_.get()));
  EXPECT_FALSE(SetVerifyHost(ssl.get(), "", std::nullopt));
}

TEST_F(TlsCompatTest, ContextsOfManyThreadsShareStoreAndCache) {
  std::vector<std::thread> threads;
  std::atomic<int> connected = 0;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 10; ++j) {
        testing::Pair pair;
        if (Visit(fmt::format("h{}.test", j), &pair)) ++connected;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(connected, 40);
  EXPECT_EQ(cache_.minted(), 10u);
}

TEST(OpenSslStatusTest, DrainsTheQueueIntoOneMessage) {
  EXPECT_EQ(OpenSslStatus("all is well").message(), "all is well");
  const BioPtr bio(BIO_new_mem_buf("garbage", 7));
  const unsigned char garbage[] = {0x30, 0x03, 0x02};
  const unsigned char* bytes = garbage;
  EXPECT_EQ(d2i_X509(nullptr, &bytes, sizeof(garbage)), nullptr);
  const absl::Status status = OpenSslStatus("cannot parse");
  EXPECT_EQ(status.message().substr(0, 14), "cannot parse: ");
  EXPECT_EQ(OpenSslStatus("again").message(), "again");
}

}  // namespace
}  // namespace sallyport::ca

#include "ca/ticket_keys.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "ca/certificate_authority.h"
#include "ca/tls_compat.h"
#include "tests/ca/handshake.h"

namespace sallyport::ca {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

class TicketKeysTest : public ::testing::Test {
 protected:
  TicketKeys::Clock Clock() {
    return [this] { return SteadyTime(minutes(minutes_.load())); };
  }
  void Advance(minutes by) { minutes_ += by.count(); }

  std::atomic<int64_t> minutes_ = 1'000'000;
};

TEST_F(TicketKeysTest, TheKeyBeforeStillOpensTicketsForOneRotation) {
  TicketKeys keys(Clock());
  const auto first = keys.Current();
  EXPECT_EQ(keys.Find(first->name).key, first);
  EXPECT_FALSE(keys.Find(first->name).renew);

  Advance(hours(11) + minutes(59));
  EXPECT_EQ(keys.Current(), first);
  Advance(minutes(1));
  const auto second = keys.Current();
  EXPECT_NE(second->name, first->name);
  EXPECT_NE(second->cipher_key.Reveal(), first->cipher_key.Reveal());
  EXPECT_NE(second->mac_key.Reveal(), first->mac_key.Reveal());
  EXPECT_EQ(keys.Find(first->name).key, first);
  EXPECT_TRUE(keys.Find(first->name).renew);

  Advance(hours(12));
  EXPECT_EQ(keys.Find(first->name).key, nullptr);
  EXPECT_EQ(keys.Find(second->name).key, second);
}

TEST_F(TicketKeysTest, AfterALongSilenceNoOldKeyIsLeft) {
  TicketKeys keys(Clock());
  const auto first = keys.Current();
  Advance(hours(24));
  EXPECT_EQ(keys.Find(first->name).key, nullptr);
}

TEST_F(TicketKeysTest, ThreadsAgreeWhileKeysRotate) {
  TicketKeys keys(Clock());
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int j = 0; j < 500; ++j) {
        const auto key = keys.Current();
        ASSERT_EQ(key->cipher_key.size(), 32u);
        (void)keys.Find(key->name);
        if (i == 0) Advance(minutes(100));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// Two workers' contexts over one set of keys, and a client that keeps its last session.
class ResumptionTest : public TicketKeysTest, public ::testing::WithParamInterface<int> {
 protected:
  SslCtxPtr Worker(TicketKeys* keys) {
    SslCtxPtr context(SSL_CTX_new(TLS_method()));
    EXPECT_TRUE(ConfigureProtocol(context.get()).ok());
    EXPECT_TRUE(SetNumTickets(context.get(), 1).ok());
    EXPECT_TRUE(InstallTicketKeys(context.get(), keys).ok());
    EXPECT_EQ(SSL_CTX_set_max_proto_version(context.get(), GetParam()), 1);
    EXPECT_EQ(SSL_CTX_use_certificate(context.get(), leaf_.certificate.get()), 1);
    EXPECT_EQ(SSL_CTX_use_PrivateKey(context.get(), authority_->leaf_key()), 1);
    return context;
  }
  void SetUp() override {
    SSL_CTX_set_session_cache_mode(client_.get(),
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_set_ex_data(client_.get(), 0, this);
    SSL_CTX_sess_set_new_cb(client_.get(), [](SSL* ssl, SSL_SESSION* session) {
      auto* test = static_cast<ResumptionTest*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), 0));
      test->session_.reset(session);
      ++test->tickets_;
      return 1;
    });
  }
  bool Resumes(SSL_CTX* worker) {
    const testing::Pair pair = testing::Connect(client_.get(), worker);
    if (session_) {
      EXPECT_EQ(SSL_set_session(pair.client.get(), session_.get()), 1);
    }
    EXPECT_TRUE(testing::Handshake(pair));
    // OpenSSL reports no TLS 1.2 session that replaced its ticket while it was resumed.
    if (GetParam() == TLS1_2_VERSION) session_.reset(SSL_get1_session(pair.client.get()));
    // Else the library throws the session away as unfinished.
    SSL_shutdown(pair.client.get());
    return SSL_session_reused(pair.client.get()) == 1;
  }

  const std::unique_ptr<CertificateAuthority> authority_ = *CertificateAuthority::Create("run");
  const LeafCertificate leaf_ = *authority_->Mint("a.test", std::nullopt);
  const SslCtxPtr client_{SSL_CTX_new(TLS_method())};
  SslSessionPtr session_;
  int tickets_ = 0;
};

TEST_P(ResumptionTest, AClientResumesOnAnyWorker) {
  TicketKeys keys(Clock());
  const SslCtxPtr one = Worker(&keys);
  const SslCtxPtr two = Worker(&keys);
  EXPECT_FALSE(Resumes(one.get()));
  EXPECT_EQ(tickets_, 1);
  EXPECT_TRUE(Resumes(two.get()));
  EXPECT_TRUE(Resumes(one.get()));
}

TEST_P(ResumptionTest, OtherKeysDoNotResume) {
  TicketKeys ours(Clock());
  TicketKeys theirs(Clock());
  const SslCtxPtr one = Worker(&ours);
  const SslCtxPtr two = Worker(&theirs);
  EXPECT_FALSE(Resumes(one.get()));
  EXPECT_FALSE(Resumes(two.get()));
}

TEST_P(ResumptionTest, SurvivesOneRotationWithAFreshTicket) {
  TicketKeys keys(Clock());
  const SslCtxPtr worker = Worker(&keys);
  EXPECT_FALSE(Resumes(worker.get()));
  Advance(hours(13));
  EXPECT_TRUE(Resumes(worker.get()));
  // That handshake replaced the ticket by one under the new key.
  Advance(hours(12));
  EXPECT_TRUE(Resumes(worker.get()));
}

TEST_P(ResumptionTest, EndsWithTheKey) {
  TicketKeys keys(Clock());
  const SslCtxPtr worker = Worker(&keys);
  EXPECT_FALSE(Resumes(worker.get()));
  Advance(hours(24));
  EXPECT_FALSE(Resumes(worker.get()));
}

INSTANTIATE_TEST_SUITE_P(Versions, ResumptionTest,
                         ::testing::Values(TLS1_2_VERSION, TLS1_3_VERSION), [](const auto& info) {
                           return info.param == TLS1_2_VERSION ? "Tls12" : "Tls13";
                         });

}  // namespace
}  // namespace sallyport::ca

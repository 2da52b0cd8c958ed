#include "ca/leaf_cache.h"

#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <thread>

#include <fmt/core.h>

#include "tests/ca/test_pki.h"

namespace sallyport::ca {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

// By its encoding: the object changes when a host is asked for again.
std::string Encoded(const absl::StatusOr<std::shared_ptr<const LeafCertificate>>& leaf) {
  if (!leaf.ok()) return std::string(leaf.status().message());
  unsigned char* bytes = nullptr;
  const int size = i2d_X509((*leaf)->certificate.get(), &bytes);
  std::string encoded(reinterpret_cast<char*>(bytes), static_cast<size_t>(size));
  OPENSSL_free(bytes);
  return encoded;
}

class LeafCacheTest : public ::testing::Test {
 protected:
  LeafCache::Clock Clock() {
    return [this] { return start_ + std::chrono::seconds(elapsed_.load()); };
  }
  void Advance(std::chrono::seconds by) { elapsed_ += by.count(); }

  const std::unique_ptr<CertificateAuthority> authority_ = *CertificateAuthority::Create("run");
  const WallTime start_ = std::chrono::system_clock::now();
  std::atomic<int64_t> elapsed_ = 0;
};

TEST_F(LeafCacheTest, MintsAHostOnce) {
  LeafCache cache(authority_.get());
  const auto first = cache.Get("a.test", std::nullopt);
  const auto second = cache.Get("a.test", std::nullopt);
  const auto third = cache.Get("a.test", std::nullopt);
  ASSERT_TRUE(first.ok() && second.ok() && third.ok());
  EXPECT_EQ(Encoded(first), Encoded(second));
  EXPECT_EQ(*second, *third) << "encoded again";
  EXPECT_EQ(cache.minted(), 1u);
  ASSERT_TRUE(cache.Get("127.0.0.1", IpAddress::Parse("127.0.0.1")).ok());
  EXPECT_EQ(cache.minted(), 2u);
}

TEST_F(LeafCacheTest, ReplacesALeafThatIsAboutToExpire) {
  LeafCache cache(authority_.get(), 8, Clock());
  const auto first = cache.Get("a.test", std::nullopt);
  ASSERT_TRUE(first.ok());
  Advance(hours(22) + minutes(54));
  EXPECT_EQ(Encoded(cache.Get("a.test", std::nullopt)), Encoded(first));
  Advance(minutes(1));
  const auto renewed = cache.Get("a.test", std::nullopt);
  ASSERT_TRUE(renewed.ok());
  EXPECT_NE(Encoded(renewed), Encoded(first));
  EXPECT_GT((*renewed)->expires, (*first)->expires);
  EXPECT_EQ(cache.minted(), 2u);
  EXPECT_EQ(cache.size(), 1u);
  // The old one still serves whoever holds it.
  EXPECT_EQ(testing::AltNames((*first)->certificate.get()), "DNS:a.test");
}

TEST_F(LeafCacheTest, AShortLivedLeafIsStillKept) {
  LeafCache cache(authority_.get(), 8, [this] { return authority_->expires() - minutes(30); });
  ASSERT_TRUE(cache.Get("a.test", std::nullopt).ok());
  ASSERT_TRUE(cache.Get("a.test", std::nullopt).ok());
  EXPECT_EQ(cache.minted(), 1u);
}

TEST_F(LeafCacheTest, ForgetsTheLeastRecentlyUsed) {
  LeafCache cache(authority_.get(), 2);
  const auto a = cache.Get("a.test", std::nullopt);
  ASSERT_TRUE(cache.Get("b.test", std::nullopt).ok());
  ASSERT_TRUE(cache.Get("a.test", std::nullopt).ok());
  ASSERT_TRUE(cache.Get("c.test", std::nullopt).ok());
  EXPECT_EQ(cache.size(), 2u);
  EXPECT_EQ(Encoded(cache.Get("a.test", std::nullopt)), Encoded(a));
  EXPECT_EQ(cache.minted(), 3u);
  ASSERT_TRUE(cache.Get("b.test", std::nullopt).ok());
  EXPECT_EQ(cache.minted(), 4u);
}

TEST_F(LeafCacheTest, DoesNotRememberErrors) {
  WallTime now = authority_->expires() + hours(1);
  LeafCache cache(authority_.get(), 8, [&now] { return now; });
  EXPECT_TRUE(absl::IsFailedPrecondition(cache.Get("a.test", std::nullopt).status()));
  now = start_;
  EXPECT_TRUE(cache.Get("a.test", std::nullopt).ok());
}

TEST_F(LeafCacheTest, ThreadsThatAskAtOnceGetOneLeaf) {
  constexpr int kThreads = 8;
  constexpr int kHosts = 40;
  LeafCache cache(authority_.get());
  std::barrier<> together(kThreads);
  std::vector<std::vector<std::string>> got(kThreads);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      for (int host = 0; host < kHosts; ++host) {
        together.arrive_and_wait();
        const auto leaf = cache.Get(fmt::format("h{}.test", host), std::nullopt);
        ASSERT_TRUE(leaf.ok());
        got[i].push_back(Encoded(leaf));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(cache.minted(), static_cast<uint64_t>(kHosts));
  for (int i = 1; i < kThreads; ++i) EXPECT_EQ(got[i], got[0]);
}

TEST_F(LeafCacheTest, ThreadsThatWaitShareAnError) {
  constexpr int kThreads = 4;
  LeafCache cache(authority_.get());
  std::barrier<> together(kThreads);
  std::atomic<int> refused = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      together.arrive_and_wait();
      if (absl::IsInvalidArgument(cache.Get("not a host", std::nullopt).status())) ++refused;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(refused, kThreads);
  EXPECT_EQ(cache.size(), 0u);
}

TEST_F(LeafCacheTest, EvictionAndRenewalFromManyThreadsStayConsistent) {
  LeafCache cache(authority_.get(), 3, Clock());
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int j = 0; j < 60; ++j) {
        const std::string host = fmt::format("h{}.test", (i + j) % 6);
        const auto leaf = cache.Get(host, std::nullopt);
        ASSERT_TRUE(leaf.ok());
        ASSERT_EQ(testing::AltNames((*leaf)->certificate.get()), "DNS:" + host);
        if (i == 0 && j % 20 == 0) Advance(hours(23));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(cache.size(), 3u);
}

}  // namespace
}  // namespace sallyport::ca

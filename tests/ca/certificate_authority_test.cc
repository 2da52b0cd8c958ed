#include "ca/certificate_authority.h"

#include <openssl/bn.h>
#include <openssl/obj_mac.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <thread>

#include <fmt/core.h>

#include "base/status.h"
#include "ca/extensions.h"
#include "tests/ca/test_pki.h"

namespace sallyport::ca {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using std::chrono::system_clock;
using testing::AltNames;

std::unique_ptr<CertificateAuthority> Authority() {
  return *CertificateAuthority::Create("sallyport run 3f9c");
}

std::string CommonName(const X509_NAME* name) {
  const int index = X509_NAME_get_index_by_NID(const_cast<X509_NAME*>(name), NID_commonName, -1);
  if (index < 0) return {};
  const ASN1_STRING* text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, index));
  return std::string(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                     static_cast<size_t>(ASN1_STRING_length(text)));
}

bool IsCritical(X509* certificate, int nid) {
  const int index = X509_get_ext_by_NID(certificate, nid, -1);
  return index >= 0 && X509_EXTENSION_get_critical(X509_get_ext(certificate, index)) == 1;
}

WallTime ToWallTime(const ASN1_TIME* time) {
  const Asn1TimePtr epoch(ASN1_TIME_set(nullptr, 0));
  int days = 0;
  int remainder = 0;
  EXPECT_EQ(ASN1_TIME_diff(&days, &remainder, epoch.get(), time), 1);
  return WallTime(std::chrono::days(days) + seconds(remainder));
}

// Of the leaf, by the library, for the host it was minted for.
std::string VerifyLeaf(X509* authority, X509* leaf) {
  const X509StorePtr store(X509_STORE_new());
  X509_STORE_add_cert(store.get(), authority);
  X509_STORE_CTX* context = X509_STORE_CTX_new();
  X509_STORE_CTX_init(context, store.get(), leaf, nullptr);
  X509_STORE_CTX_set_purpose(context, X509_PURPOSE_SSL_SERVER);
  const bool verified = X509_verify_cert(context) == 1;
  const std::string error =
      verified ? "" : X509_verify_cert_error_string(X509_STORE_CTX_get_error(context));
  X509_STORE_CTX_free(context);
  return error;
}

TEST(CertificateAuthorityTest, IsAnAuthorityForLeavesOnlyNamedAfterTheRun) {
  const auto authority = Authority();
  X509* certificate = authority->certificate();
  EXPECT_EQ(X509_get_version(certificate), 2);
  EXPECT_EQ(X509_check_ca(certificate), 1);
  EXPECT_EQ(X509_get_pathlen(certificate), 0);
  EXPECT_EQ(X509_get_key_usage(certificate),
            static_cast<uint32_t>(X509v3_KU_KEY_CERT_SIGN | X509v3_KU_CRL_SIGN));
  EXPECT_TRUE(IsCritical(certificate, NID_basic_constraints));
  EXPECT_TRUE(IsCritical(certificate, NID_key_usage));
  EXPECT_EQ(CommonName(X509_get_subject_name(certificate)), "sallyport run 3f9c");
  EXPECT_EQ(CommonName(X509_get_issuer_name(certificate)), "sallyport run 3f9c");
  EXPECT_TRUE(SubjectKeyIdentifierOf(certificate).has_value());
  EXPECT_EQ(authority->expires(), ToWallTime(X509_get0_notAfter(certificate)));
  EXPECT_THAT(authority->CertificatePem(), ::testing::StartsWith("-----BEGIN CERTIFICATE-----\n"));
}

TEST(CertificateAuthorityTest, TwoRunsShareNothing) {
  const auto one = Authority();
  const auto two = Authority();
  EXPECT_NE(SubjectKeyIdentifierOf(one->certificate()), SubjectKeyIdentifierOf(two->certificate()));
  const auto leaf = one->Mint("a.test", std::nullopt);
  ASSERT_TRUE(leaf.ok());
  EXPECT_NE(VerifyLeaf(two->certificate(), leaf->certificate.get()), "");
}

TEST(CertificateAuthorityTest, ALongRunNameIsCutBetweenCharacters) {
  // 63 bytes, then a character of two.
  const std::string name = std::string(63, 'x') + "\u00e9 and more";
  const auto authority = CertificateAuthority::Create(name);
  ASSERT_TRUE(authority.ok());
  EXPECT_EQ(CommonName(X509_get_subject_name((*authority)->certificate())), std::string(63, 'x'));
}

struct LeafCase {
  std::string host;
  std::string alt_names;
  bool has_common_name;
};

class LeafTest : public ::testing::TestWithParam<LeafCase> {};

TEST_P(LeafTest, NamesExactlyTheHost) {
  const auto authority = Authority();
  const LeafCase& expected = GetParam();
  const auto leaf = authority->Mint(expected.host, IpAddress::Parse(expected.host));
  ASSERT_TRUE(leaf.ok()) << Message(leaf.status());
  X509* certificate = leaf->certificate.get();
  EXPECT_EQ(AltNames(certificate), expected.alt_names);
  EXPECT_EQ(CommonName(X509_get_subject_name(certificate)),
            expected.has_common_name ? expected.host : "");
  // RFC 5280 §4.2.1.6: critical exactly when there is no other name.
  EXPECT_EQ(IsCritical(certificate, NID_subject_alt_name), !expected.has_common_name);
  EXPECT_EQ(VerifyLeaf(authority->certificate(), certificate), "");
}

std::string LongName() {
  return std::string(60, 'a') + "." + std::string(60, 'b') + "." + std::string(60, 'c') + ".test";
}

INSTANTIATE_TEST_SUITE_P(
    Hosts, LeafTest,
    ::testing::Values(LeafCase{"api.example.com", "DNS:api.example.com", true},
                      LeafCase{"localhost", "DNS:localhost", true},
                      LeafCase{"xn--bcher-kva.example", "DNS:xn--bcher-kva.example", true},
                      LeafCase{"_dmarc.example.com", "DNS:_dmarc.example.com", true},
                      LeafCase{std::string(64, 'n'), "DNS:" + std::string(64, 'n'), true},
                      LeafCase{std::string(65, 'n'), "DNS:" + std::string(65, 'n'), false},
                      LeafCase{LongName(), "DNS:" + LongName(), false},
                      LeafCase{"127.0.0.1", "IP Address:127.0.0.1", true},
                      LeafCase{"2001:db8::1", "IP Address:2001:DB8:0:0:0:0:0:1", true}));

TEST(CertificateAuthorityTest, ALeafIsForServersOnly) {
  const auto authority = Authority();
  const auto leaf = authority->Mint("a.test", std::nullopt);
  ASSERT_TRUE(leaf.ok());
  X509* certificate = leaf->certificate.get();
  EXPECT_EQ(X509_check_ca(certificate), 0);
  EXPECT_TRUE(IsCritical(certificate, NID_basic_constraints));
  EXPECT_EQ(X509_get_key_usage(certificate), static_cast<uint32_t>(X509v3_KU_DIGITAL_SIGNATURE));
  EXPECT_TRUE(IsCritical(certificate, NID_key_usage));
  EXPECT_EQ(X509_get_extended_key_usage(certificate), static_cast<uint32_t>(XKU_SSL_SERVER));
  EXPECT_EQ(CommonName(X509_get_issuer_name(certificate)), "sallyport run 3f9c");
  EXPECT_EQ(SubjectKeyIdentifierOf(certificate), *IdentifierOf(authority->leaf_key()));
  EXPECT_EQ(X509_check_private_key(certificate, authority->leaf_key()), 1);
}

TEST(CertificateAuthorityTest, ALeafStartsEarlyAndLastsADay) {
  const auto authority = Authority();
  const WallTime now = std::chrono::floor<seconds>(system_clock::now());
  const auto leaf = authority->Mint("a.test", std::nullopt, now);
  ASSERT_TRUE(leaf.ok());
  const WallTime starts = ToWallTime(X509_get0_notBefore(leaf->certificate.get()));
  const WallTime ends = ToWallTime(X509_get0_notAfter(leaf->certificate.get()));
  EXPECT_EQ(starts, now - minutes(5));
  EXPECT_EQ(ends, leaf->expires);
  // The last second counts.
  EXPECT_EQ(ends - starts + seconds(1), hours(24));
}

TEST(CertificateAuthorityTest, ALeafNeverOutlivesTheAuthority) {
  const auto authority = Authority();
  const auto leaf = authority->Mint("a.test", std::nullopt, authority->expires() - hours(2));
  ASSERT_TRUE(leaf.ok());
  EXPECT_EQ(leaf->expires, authority->expires());
  EXPECT_TRUE(absl::IsFailedPrecondition(
      authority->Mint("a.test", std::nullopt, authority->expires()).status()));
}

TEST(CertificateAuthorityTest, SerialsArePositiveAndNeverRepeat) {
  const auto authority = Authority();
  std::set<std::string> seen;
  int longest = 0;
  for (int i = 0; i < 500; ++i) {
    const auto leaf = authority->Mint("a.test", std::nullopt);
    ASSERT_TRUE(leaf.ok());
    const BnPtr serial(ASN1_INTEGER_to_BN(X509_get_serialNumber(leaf->certificate.get()), nullptr));
    ASSERT_FALSE(BN_is_negative(serial.get()));
    longest = std::max(longest, static_cast<int>(BN_num_bits(serial.get())));
    std::vector<uint8_t> bytes(static_cast<size_t>(BN_num_bytes(serial.get())));
    BN_bn2bin(serial.get(), bytes.data());
    EXPECT_TRUE(seen.emplace(bytes.begin(), bytes.end()).second);
  }
  EXPECT_EQ(longest, 128);
}

TEST(CertificateAuthorityTest, RefusesHostsNoCertificateCanName) {
  const auto authority = Authority();
  for (const std::string& host : {std::string(), std::string(254, 'a'), std::string("a\0b", 3),
                                  std::string("a b"), std::string("b\u00fccher.test")}) {
    EXPECT_TRUE(absl::IsInvalidArgument(authority->Mint(host, std::nullopt).status())) << host;
  }
}

TEST(CertificateAuthorityTest, ManyThreadsMintAtOnce) {
  const auto authority = Authority();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&authority, i] {
      for (int j = 0; j < 50; ++j) {
        const auto leaf = authority->Mint(fmt::format("h{}-{}.test", i, j), std::nullopt);
        ASSERT_TRUE(leaf.ok());
        ASSERT_EQ(VerifyLeaf(authority->certificate(), leaf->certificate.get()), "");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace sallyport::ca

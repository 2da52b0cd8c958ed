#include "ca/file_digest.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <string>

namespace sallyport::ca {
namespace {

class FileDigestTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_NE(file_, nullptr); }
  ~FileDigestTest() override { (void)std::fclose(file_); }

  absl::StatusOr<std::string> DigestOf(const std::string& bytes, bool stop) {
    EXPECT_EQ(std::fwrite(bytes.data(), 1, bytes.size(), file_), bytes.size());
    EXPECT_EQ(std::fflush(file_), 0);
    const std::atomic<bool> stopping = stop;
    const absl::StatusOr<Sha256Digest> digest = Sha256OfFile(fileno(file_), stopping);
    if (!digest.ok()) return digest.status();
    std::string text;
    for (const uint8_t byte : *digest) {
      char hex[3];
      (void)std::snprintf(hex, sizeof(hex), "%02x", byte);
      text += hex;
    }
    return text;
  }

  std::FILE* file_ = std::tmpfile();
};

// FIPS 180-2, appendix B: "abc", and a million times "a".
TEST_F(FileDigestTest, OfOneBlock) {
  EXPECT_EQ(*DigestOf("abc", false),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_F(FileDigestTest, OfManyPieces) {
  EXPECT_EQ(*DigestOf(std::string(1'000'000, 'a'), false),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_F(FileDigestTest, EndsWhenItIsToldTo) {
  EXPECT_EQ(DigestOf("abc", true).status().code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace sallyport::ca

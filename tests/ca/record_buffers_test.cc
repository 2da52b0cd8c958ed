#include "ca/record_buffers.h"

#include <openssl/crypto.h>

#include <gtest/gtest.h>

namespace sallyport::ca {
namespace {

// By itself in its program: nothing of OpenSSL's may have been called before.
TEST(RecordBuffersTest, ABufferThatIsGivenBackIsTheNextOneTaken) {
  ASSERT_TRUE(PoolRecordBuffers());
  constexpr size_t kRecord = 16384 + 256 + 5;
  void* const first = OPENSSL_malloc(kRecord);
  void* const second = OPENSSL_malloc(kRecord);
  EXPECT_NE(first, second);
  OPENSSL_free(second);
  OPENSSL_free(first);
  // Not so with malloc(3), which would have merged the two.
  EXPECT_EQ(OPENSSL_malloc(kRecord + 1), first);
  EXPECT_EQ(OPENSSL_malloc(kRecord - 1), second);
  OPENSSL_free(first);
  OPENSSL_free(second);
}

TEST(RecordBuffersTest, OtherSizesAreAsTheyWere) {
  EXPECT_EQ(OPENSSL_malloc(0), nullptr);
  char* text = static_cast<char*>(OPENSSL_malloc(8));
  text[0] = 'x';
  text = static_cast<char*>(OPENSSL_realloc(text, 100000));
  EXPECT_EQ(text[0], 'x');
  EXPECT_EQ(OPENSSL_realloc(text, 0), nullptr);
}

}  // namespace
}  // namespace sallyport::ca

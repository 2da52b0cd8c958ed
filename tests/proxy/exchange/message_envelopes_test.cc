#include "proxy/exchange/message_envelopes.h"

#include <gtest/gtest.h>

#include <string>

namespace sallyport::proxy {
namespace {

using std::string_literals::operator""s;

TEST(MessageEnvelopesTest, TheContentTypeSaysWhetherThereAreAny) {
  const auto has = [](std::string_view type) {
    http::HeaderList headers;
    headers.Add("content-type", type);
    return HasEnvelopes(headers);
  };
  EXPECT_TRUE(has("application/grpc"));
  EXPECT_TRUE(has("Application/gRPC+proto"));
  EXPECT_TRUE(has("application/grpc; charset=x"));
  EXPECT_TRUE(has("application/grpc-web+proto"));
  EXPECT_TRUE(has("application/connect+json"));
  // In base64.
  EXPECT_FALSE(has("application/grpc-web-text"));
  EXPECT_FALSE(has("application/grpcx"));
  EXPECT_FALSE(has("application/json"));
  EXPECT_FALSE(has(""));
  EXPECT_FALSE(HasEnvelopes({}));
}

TEST(MessageEnvelopesTest, OnlyTheLastByteOfAMessageEndsIt) {
  const std::string body = "\0\0\0\0\3abc\1\0\0\0\0\2\0\0\1\0"s + std::string(256, 'x');
  const auto is_end = [](size_t size) { return size == 8 || size == 13 || size == 18 + 256; };
  MessageEnvelopes envelopes;
  for (size_t i = 0; i < body.size(); ++i) {
    EXPECT_EQ(envelopes.EndsWith({&body[i], 1}), is_end(i + 1)) << i;
  }
  for (size_t size = 1; size <= body.size(); ++size) {
    MessageEnvelopes other;
    EXPECT_EQ(other.EndsWith({body.data(), size}), is_end(size)) << size;
    EXPECT_TRUE(size == body.size() || other.EndsWith({body.data() + size, body.size() - size}));
  }
}

TEST(MessageEnvelopesTest, AMessageMayBeAsLargeAsItsLengthCanSay) {
  MessageEnvelopes envelopes;
  EXPECT_FALSE(envelopes.EndsWith("\0\xff\xff\xff\xff"s));
  const std::string piece(1 << 16, 'x');
  for (int i = 0; i < (1 << 16) - 1; ++i) ASSERT_FALSE(envelopes.EndsWith(piece));
  EXPECT_FALSE(envelopes.EndsWith({piece.data(), piece.size() - 2}));
  EXPECT_TRUE(envelopes.EndsWith("x"));
}

}  // namespace
}  // namespace sallyport::proxy

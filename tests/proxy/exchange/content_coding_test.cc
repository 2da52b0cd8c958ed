#include "proxy/exchange/content_coding.h"

#include <gtest/gtest.h>

namespace sallyport::proxy {
namespace {

bool IsEncoded(std::string_view name, std::string_view value) {
  http::HeaderList headers;
  headers.Add("Content-Type", "text/plain");
  headers.Add(name, value);
  return proxy::IsEncoded(headers);
}

TEST(ContentCodingTest, AnyCodingButIdentityCounts) {
  EXPECT_TRUE(IsEncoded("Content-Encoding", "gzip"));
  EXPECT_TRUE(IsEncoded("content-encoding", "identity, br"));
  EXPECT_TRUE(IsEncoded("Content-Encoding", "unheard-of"));
  EXPECT_TRUE(IsEncoded("grpc-encoding", "gzip"));
  EXPECT_TRUE(IsEncoded("connect-content-encoding", "gzip"));
  EXPECT_FALSE(IsEncoded("Content-Encoding", "identity"));
  EXPECT_FALSE(IsEncoded("Content-Encoding", " Identity , ,"));
  EXPECT_FALSE(IsEncoded("Content-Encoding", ""));
  EXPECT_FALSE(IsEncoded("Accept-Encoding", "gzip"));
}

TEST(ContentCodingTest, EveryFieldCounts) {
  http::HeaderList headers;
  headers.Add("Content-Encoding", "identity");
  headers.Add("Content-Encoding", "gzip");
  EXPECT_TRUE(proxy::IsEncoded(headers));
}

}  // namespace
}  // namespace sallyport::proxy

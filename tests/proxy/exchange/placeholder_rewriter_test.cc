#include "proxy/exchange/placeholder_rewriter.h"

#include <gtest/gtest.h>

#include <string>

namespace sallyport::proxy {
namespace {

constexpr std::string_view kPlaceholder = "sallyport-0123456789abcdef0123456789abcdef";
constexpr std::string_view kForeign = "sallyport-ffffffffffffffffffffffffffffffff";

class PlaceholderRewriterTest : public testing::Test {
 protected:
  std::optional<std::string_view> Header(std::string_view value) {
    return rewriter_.RewriteHeaderValue(value);
  }
  std::optional<std::string_view> Target(const std::string& value) {
    return rewriter_.RewriteTarget(value);
  }

  rules::PlaceholderIndex index_{{{std::string(kPlaceholder), {0}}, {std::string(kForeign), {1}}}};
  Arena arena_;
  std::string_view secret_ = "s&c=r+t/%";
  std::function<const std::string_view*(size_t)> find_secret_ = [this](size_t entry) {
    return index_.entries()[entry].rules[0] == 0 ? &secret_ : nullptr;
  };
  PlaceholderRewriter rewriter_{&index_, &arena_, find_secret_};
};

TEST_F(PlaceholderRewriterTest, TextWithoutPlaceholderIsTheSameBytes) {
  const std::string_view value = "Bearer nothing";
  EXPECT_EQ(Header(value)->data(), value.data());
  const std::string target = "/a%20b?c=d";
  EXPECT_EQ(Target(target)->data(), target.data());
}

TEST_F(PlaceholderRewriterTest, HeadersGetTheRawSecretAsOftenAsItOccurs) {
  EXPECT_EQ(
      Header(std::string("a ") + std::string(kPlaceholder) + " b " + std::string(kPlaceholder)),
      "a s&c=r+t/% b s&c=r+t/%");
}

TEST_F(PlaceholderRewriterTest, BasicCredentialsAreDecodedAndEncodedAgain) {
  // printf 'x-access-token:sallyport-0123…' | base64
  EXPECT_EQ(Header("Basic eC1hY2Nlc3MtdG9rZW46c2FsbHlwb3J0LTAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJj"
                   "ZGVm"),
            // printf 'x-access-token:s&c=r+t/%' | base64
            "Basic eC1hY2Nlc3MtdG9rZW46cyZjPXIrdC8l");
}

TEST_F(PlaceholderRewriterTest, TargetsGetThePercentEncodedSecret) {
  EXPECT_EQ(Target("/v1/" + std::string(kPlaceholder) + "/x?key=" + std::string(kPlaceholder)),
            "/v1/s%26c%3Dr%2Bt%2F%25/x?key=s%26c%3Dr%2Bt%2F%25");
}

TEST_F(PlaceholderRewriterTest, APercentEncodedPlaceholderIsFoundInTargets) {
  std::string encoded(kPlaceholder);
  encoded.replace(0, 1, "%73");
  EXPECT_EQ(Target("/a%2fb?k=" + encoded + "&r=%20"), "/a%2fb?k=s%26c%3Dr%2Bt%2F%25&r=%20");
}

TEST_F(PlaceholderRewriterTest, AForeignPlaceholderIsRefusedWhereverItIs) {
  EXPECT_EQ(Header("Bearer " + std::string(kForeign)), std::nullopt);
  EXPECT_EQ(Target("/x?k=" + std::string(kForeign)), std::nullopt);
  ASSERT_TRUE(rewriter_.refused_entry().has_value());
  EXPECT_EQ(index_.entries()[*rewriter_.refused_entry()].placeholder, kForeign);
}

}  // namespace
}  // namespace sallyport::proxy

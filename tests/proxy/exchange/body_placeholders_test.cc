#include "proxy/exchange/body_placeholders.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "rules/proxy_config.h"

namespace sallyport::proxy {
namespace {

std::optional<BodyFormat> FormatOf(std::string_view content_type) {
  http::HeaderList headers;
  headers.Add("Content-Type", content_type);
  return SearchableFormat(headers);
}

TEST(BodyPlaceholdersTest, TheContentTypeSaysWhatCanBeSearched) {
  for (const char* json : {"application/json", "Application/JSON ; charset=utf-8", "text/json",
                           "application/problem+json", "application/x-ndjson"}) {
    EXPECT_EQ(FormatOf(json), BodyFormat::kJson) << json;
  }
  EXPECT_EQ(FormatOf("application/x-www-form-urlencoded"), BodyFormat::kForm);
  EXPECT_EQ(FormatOf("text/plain"), BodyFormat::kText);
  EXPECT_EQ(FormatOf("text/html;charset=x"), BodyFormat::kText);
  for (const char* other : {"", "application/octet-stream", "multipart/form-data", "text",
                            "application/grpc+json", "application/connect+json", "+json"}) {
    EXPECT_EQ(FormatOf(other), std::nullopt) << other;
  }
}

TEST(BodyPlaceholdersTest, WhatIsEncodedOrUnnamedIsNotSearched) {
  http::HeaderList headers;
  EXPECT_EQ(SearchableFormat(headers), std::nullopt);
  headers.Add("Content-Type", "text/plain");
  headers.Add("Content-Encoding", "gzip");
  EXPECT_EQ(SearchableFormat(headers), std::nullopt);
}

TEST(BodyPlaceholdersTest, ValuesAreWrittenAsTheFormatNeeds) {
  EXPECT_EQ(EncodeFor(BodyFormat::kJson, "a\"b\\c/\t").Reveal(), R"(a\"b\\c/\t)");
  EXPECT_EQ(EncodeFor(BodyFormat::kForm, "a b&c=+").Reveal(), "a%20b%26c%3D%2B");
  EXPECT_EQ(EncodeFor(BodyFormat::kText, "a b&\"").Reveal(), "a b&\"");
}

TEST(BodyPlaceholdersTest, OnlyThoseOfRulesThatSaySoAreLookedFor) {
  const rules::ParsedProxyConfig parsed =
      rules::ParseProxyConfig(R"({"credentials":[{"domain":"a.test","envVar":"A","header":"A"},)"
                              R"({"domain":"a.test","envVar":"B","header":"B","body":true}]})");
  ASSERT_NE(parsed.rules, nullptr);
  const rules::PlaceholderIndex index({{"placeholder-a", {0}}, {"placeholder/b", {1}}});
  const BodyPlaceholders placeholders(index, *parsed.rules);
  EXPECT_FALSE(placeholders.empty());
  scrub::Hits hits;
  placeholders.patterns(BodyFormat::kForm).Search("placeholder-a placeholder%2Fb", &hits);
  ASSERT_EQ(hits.size(), 1u);
  EXPECT_EQ(hits[0].begin, 14u);
  EXPECT_EQ(index.entries()[placeholders.EntryOf(BodyFormat::kForm, hits[0])].placeholder,
            "placeholder/b");
  std::vector<rules::PlaceholderIndex::Entry> others = {{"placeholder-a", {0}}};
  EXPECT_TRUE(BodyPlaceholders(rules::PlaceholderIndex(std::move(others)), *parsed.rules).empty());
}

}  // namespace
}  // namespace sallyport::proxy

#include "proxy/scrub/encoded_forms.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/escaping.h"

namespace sallyport::scrub {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsSupersetOf;

std::vector<std::string> Texts(const SecretStrings& forms) {
  std::vector<std::string> texts;
  for (const SecretString& form : forms) texts.emplace_back(form.Reveal());
  return texts;
}

TEST(EncodedFormsTest, JsonIsWrittenInEveryUsualStyle) {
  EXPECT_THAT(Texts(JsonForms("a\"b\\c/d")),
              IsSupersetOf({R"(a\"b\\c/d)", R"(a\"b\\c\/d)", R"(a\u0022b\\c/d)"}));
  EXPECT_THAT(Texts(JsonForms("<a&b>")),
              IsSupersetOf({"<a&b>", R"(\u003ca\u0026b\u003e)", R"(\u003Ca\u0026b\u003E)"}));
  EXPECT_THAT(Texts(JsonForms("k='v'")), Contains(R"(k\u003d\u0027v\u0027)"));
  EXPECT_THAT(Texts(JsonForms("a\tb\x01")), Contains(R"(a\tb\u0001)"));
}

TEST(EncodedFormsTest, JsonWritesOtherCharactersAsTheyAreOrAsNumbers) {
  EXPECT_THAT(Texts(JsonForms("p\u00e4ss\u20ac\U0001f511")),
              IsSupersetOf({std::string("p\u00e4ss\u20ac\U0001f511"),
                            std::string(R"(p\u00e4ss\u20ac\ud83d\udd11)"),
                            std::string(R"(p\u00E4ss\u20AC\uD83D\uDD11)")}));
  // No UTF-8: left alone.
  EXPECT_THAT(Texts(JsonForms("a\xff\xe4z")), testing::Each("a\xff\xe4z"));
}

TEST(EncodedFormsTest, UrlsKeepWhatEachLibraryKeeps) {
  EXPECT_THAT(Texts(UrlForms("a+/= b*")),
              IsSupersetOf({"a%2B%2F%3D%20b%2A", "a%2b%2f%3d%20b%2a", "a%2B%2F%3D+b%2A",
                            "a%2B%2F%3D+b*", "a%2B/%3D%20b%2A", "a%2B%2F%3D%20b*", "a+/=%20b*"}));
  EXPECT_THAT(Texts(UrlForms("plain-09_x.y")), testing::Each("plain-09_x.y"));
  EXPECT_THAT(Texts(UrlForms("a~b")), IsSupersetOf({"a~b", "a%7Eb", "a%7eb"}));
}

TEST(EncodedFormsTest, HtmlEscapesMarkup) {
  EXPECT_THAT(Texts(HtmlForms("<\"a'&b>")),
              IsSupersetOf({"&lt;\"a'&amp;b&gt;", "&lt;&quot;a&#39;&amp;b&gt;",
                            "&lt;&quot;a&#x27;&amp;b&gt;", "&lt;&#34;a&#39;&amp;b&gt;"}));
}

TEST(EncodedFormsTest, Base64IsSureAtEveryAlignment) {
  EXPECT_THAT(Texts(Base64Forms("abc")), ElementsAre("YWJj", "FiY", "hYm"));
  EXPECT_THAT(Texts(Base64UrlForms("\xff\xfe\xfd")), ElementsAre("__79", "_-_", "__v"));
}

TEST(EncodedFormsTest, Base64OfAnyTextWithTheValueHoldsAForm) {
  const std::string value = "k-\xff\xfb+/secret";
  for (size_t before = 0; before < 7; ++before) {
    for (size_t after = 0; after < 4; ++after) {
      const std::string text = std::string(before, 'x') + value + std::string(after, 'y');
      std::string encoded;
      absl::Base64Escape({text.data(), text.size()}, &encoded);
      EXPECT_NE(encoded.find(Texts(Base64Forms(value))[before % 3]), encoded.npos) << before;
      absl::WebSafeBase64Escape({text.data(), text.size()}, &encoded);
      EXPECT_NE(encoded.find(Texts(Base64UrlForms(value))[before % 3]), encoded.npos) << before;
    }
  }
}

}  // namespace
}  // namespace sallyport::scrub

#include "rules/template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/status.h"

namespace sallyport::rules {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::string Rendered(std::string_view text, std::string_view value) {
  const absl::StatusOr<Template> parsed = Template::Parse(text, {"value"});
  EXPECT_TRUE(parsed.ok()) << text << ": " << parsed.status();
  return parsed.ok() ? std::string(parsed->Render(value).Reveal()) : "";
}

TEST(TemplateTest, RendersLiteralsNamesAndFilters) {
  const struct {
    std::string_view text;
    std::string_view value;
    std::string_view expected;
  } cases[] = {
      {"${value}", "s3cret", "s3cret"},
      {"Bearer ${value}", "s3cret", "Bearer s3cret"},
      {"a${value}b${value}c", "x", "axbxc"},
      {"${ value }", "x", "x"},
      {"${value value}", "x", "xx"},
      {"${'a' value 'b'}", "x", "axb"},
      {"${'a'value'b'}", "x", "axb"},
      {"${'}' value '|'}", "x", "}x|"},
      {"${'' value}", "x", "x"},
      {"Basic ${'x-access-token:' value | base64}", "s3cret", "Basic eC1hY2Nlc3MtdG9rZW46czNjcmV0"},
      {"${value | base64}", "", ""},
      {"${value | base64}", "f", "Zg=="},
      {"${value | base64}", "fo", "Zm8="},
      {"${value | base64}", "foo", "Zm9v"},
      {"${value | base64}", "foobar", "Zm9vYmFy"},
      {"${value | base64}", "\xfb\xff\xfe", "+//+"},
      {"${value | base64url}", "\xfb\xff\xfe", "-__-"},
      {"${value | base64url}", "f", "Zg"},
      {"${value|base64url}", "fo", "Zm8"},
      {"${value | urlencode}", "a b&c=d/e%~._-+", "a%20b%26c%3Dd%2Fe%25~._-%2B"},
      {"${value | urlencode}", "\xc3\xbc", "%C3%BC"},
      {"${value | base64 | urlencode}", "f", "Zg%3D%3D"},
      {"${value | urlencode | base64}", "/", "JTJG"},
      {"${value | base64 | base64 | base64 | base64}", "f", "VjIxak9WQlJQVDA9"},
      // "$${" is a literal "${"; other dollars are themselves.
      {"$${value} is ${value}", "x", "${value} is x"},
      {"$ ${value} $$ $", "x", "$ x $$ $"},
      {"{value} ${value}}", "x", "{value} x}"},
      {"$${${value}", "x", "${x"},
      // A value is never expanded again.
      {"Bearer ${value}", "${value}", "Bearer ${value}"},
      {"${value}${value}", "$${'a'}", "$${'a'}$${'a'}"},
      {"ü ${value}", "ü", "ü ü"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(Rendered(c.text, c.value), c.expected) << c.text;
  }
}

TEST(TemplateTest, ADollarBeforeAnEscapeIsLiteral) {
  EXPECT_EQ(Rendered("$$${value} ${value}", "x"), "$${value} x");
}

TEST(TemplateTest, RefusesBadTextAndSaysWhere) {
  const struct {
    std::string_view text;
    std::string_view message;
  } cases[] = {
      {"", "not used"},
      {"Bearer", "not used"},
      {"$${value}", "not used"},
      {"${'literal'}", "not used"},
      {"{value}", "not used"},
      {"${}", "missing here (at character 3)"},
      {"${ }", "missing here"},
      {"${| base64}", "missing here"},
      {"${value", "not closed with \"}\" (at character 1)"},
      {"ab ${value", "(at character 4)"},
      {"${value | base64", "not closed"},
      {"${'value}", "quoted literal is not closed (at character 3)"},
      {"${valeu}", "unknown name \"valeu\"; what can stand here is value (at character 3)"},
      {"${Value}", "unknown name"},
      {"${value.x}", "only names"},
      {"${value, value}", "only names"},
      {"${\"a\" value}", "only names"},
      {"${value\tvalue}", "only names"},
      {"${${value}}", "only names"},
      {"${1value}", "only names"},
      {"${value |}", "unknown filter"},
      {"${value | base46}", "unknown filter \"base46\"; there are base64, base64url and urlencode"},
      {"${value | Base64}", "unknown filter"},
      {"${value || base64}", "unknown filter"},
      {"${value | base64 value}", "after a filter"},
      {"${value|base64|base64|base64|base64|base64}", "at most 4"},
      {"${value}\n", "control characters are not allowed (at character 9)"},
      {"\r${value}", "control"},
      {"${'\x01' value}", "control"},
      {"\x7f${value}", "control"},
  };
  for (const auto& c : cases) {
    const absl::StatusOr<Template> parsed = Template::Parse(c.text, {"value"});
    ASSERT_FALSE(parsed.ok()) << c.text;
    EXPECT_THAT(std::string(Message(parsed.status())), HasSubstr(std::string(c.message))) << c.text;
  }
  EXPECT_FALSE(Template::Parse(std::string_view("\0${value}", 9), {"value"}).ok());
}

TEST(TemplateTest, LongWordsAreNotRepeatedInErrors) {
  const absl::StatusOr<Template> parsed = Template::Parse("${sk-ant-api03-S3CR3T}", {"value"});
  EXPECT_THAT(std::string(Message(parsed.status())), Not(HasSubstr("S3CR3T")));
}

TEST(TemplateTest, ProvidersHaveMoreNames) {
  const absl::StatusOr<Template> parsed = Template::Parse(
      "Basic ${username ':' password | base64} ${password}", {"value", "username", "password"});
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_THAT(parsed->Names(), ElementsAre("username", "password"));
  const std::map<std::string, std::string, std::less<>> values = {{"username", "me"},
                                                                  {"password", "pw"}};
  const SecretString rendered = parsed->Render(
      [&values](std::string_view name) { return std::string_view(values.find(name)->second); });
  EXPECT_EQ(rendered.Reveal(), "Basic bWU6cHc= pw");

  EXPECT_FALSE(Template::Parse("${token}", {"value"}).ok());
  EXPECT_TRUE(Template::Parse("${token}", {"value"}, Template::UnknownNames::kAllow).ok());
}

TEST(TemplateTest, DefaultsToTheValueAlone) {
  EXPECT_EQ(Template().text(), "${value}");
  EXPECT_EQ(Template().Render("x").Reveal(), "x");
  EXPECT_THAT(Template().Names(), ElementsAre("value"));
}

TEST(TemplateTest, LargeValuesSurviveEveryFilter) {
  const std::string value(16 * 1024, '\xff');
  EXPECT_EQ(Rendered("${value | base64}", value).size(), 21848u);
  EXPECT_EQ(Rendered("${value | urlencode}", value).size(), 3 * value.size());
  EXPECT_EQ(Rendered("x${value}", value), "x" + value);
}

TEST(AppendUrlEncodedTest, KeepsOnlyUnreservedCharacters) {
  std::string out = "k=";
  AppendUrlEncoded("A-z0._~ &=+/%\n\xff", &out);
  EXPECT_EQ(out, "k=A-z0._~%20%26%3D%2B%2F%25%0A%FF");
}

}  // namespace
}  // namespace sallyport::rules

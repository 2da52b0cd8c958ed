#include "gateway-client/provider_type_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>
#include <string_view>

#include "base/status.h"
#include "tests/gateway-client/temporary_folder.h"

namespace sallyport::sources {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr std::string_view kMine =
    "type: mine\ndescription: Mine\nproperties: {token: {help: A token}}\n";

class ProviderTypeFolderTest : public testing::Test {
 protected:
  std::string Write(const std::string& name, std::string_view text, mode_t mode = 0644) {
    const std::string path = folder_.Write(name, text);
    chmod(path.c_str(), mode);
    return path;
  }

  TemporaryFolder folder_;
};

TEST_F(ProviderTypeFolderTest, AddsToWhatIsCompiledIn) {
  Write("mine.yaml", kMine);
  Write("notes.txt", "no type");
  const auto types = ReadProviderTypes(folder_.Path());
  ASSERT_TRUE(types.ok()) << types.status();
  EXPECT_NE((*types)->Find("mine"), nullptr);
  EXPECT_NE((*types)->Find("github"), nullptr);
  EXPECT_EQ((*types)->all().size(), rules::ProviderTypes::BuiltIn()->all().size() + 1);
}

TEST_F(ProviderTypeFolderTest, EveryProblemOfEveryFileIsNamed) {
  Write("a.yaml", "type: mine\n");
  Write("b.yaml", kMine, 0666);
  Write("c.yml", "type: github\ndescription: Mine\nproperties: {token: {help: A token}}\n");
  const auto types = ReadProviderTypes(folder_.Path());
  EXPECT_THAT(std::string(Message(types.status())),
              AllOf(HasSubstr("a.yaml:1:1: \"description\" is missing"), HasSubstr("b.yaml"),
                    HasSubstr("c.yml: there is a provider type \"github\" already")));
}

TEST_F(ProviderTypeFolderTest, AFolderThatCannotBeReadIsAnError) {
  EXPECT_FALSE(ReadProviderTypes(folder_.Path() + "/none").ok());
}

}  // namespace
}  // namespace sallyport::sources

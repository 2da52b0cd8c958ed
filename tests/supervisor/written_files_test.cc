#include "supervisor/written_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "base/file.h"
#include "base/status.h"

namespace sallyport::supervisor {
namespace {

namespace fs = std::filesystem;

using ::testing::HasSubstr;

class WrittenFilesTest : public testing::Test {
 protected:
  WrittenFilesTest() {
    std::string name = (fs::temp_directory_path() / "written-XXXXXX").string();
    home_ = mkdtemp(name.data());
  }
  ~WrittenFilesTest() override { fs::remove_all(home_); }

  void Make(const std::string& name, const std::string& contents) const {
    std::ofstream(home_ / name) << contents;
  }
  std::string Read(const std::string& name) const {
    return ReadFile((home_ / name).string(), 1000).value_or("(none)");
  }

  fs::path home_;
};

TEST_F(WrittenFilesTest, WritesAFileAndItsFoldersAndRemovesThem) {
  {
    WrittenFiles files;
    const absl::Status status = files.Write(home_, ".config/gh/hosts.yml", "text", 0640, {});
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_EQ(Read(".config/gh/hosts.yml"), "text");
    struct stat info = {};
    ASSERT_EQ(stat((home_ / ".config/gh/hosts.yml").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0640u);
    EXPECT_TRUE(files.Write(home_, ".config/gh/config.yml", "more", 0400, {}).ok());
  }
  EXPECT_TRUE(fs::is_empty(home_));
}

TEST_F(WrittenFilesTest, WhatWasThereBeforeStays) {
  fs::create_directory(home_ / ".config");
  Make(".config/mine", "mine");
  {
    WrittenFiles files;
    ASSERT_TRUE(files.Write(home_, ".config/gh/hosts.yml", "text", 0600, {}).ok());
    Make(".config/gh/made-since", "x");
    EXPECT_TRUE(absl::IsAlreadyExists(files.Write(home_, ".config/mine", "ours", 0600, {})));
  }
  EXPECT_EQ(Read(".config/mine"), "mine");
  EXPECT_EQ(Read(".config/gh/made-since"), "x");
  EXPECT_FALSE(fs::exists(home_ / ".config/gh/hosts.yml"));
}

TEST_F(WrittenFilesTest, LinksAreNotFollowed) {
  fs::create_directory(home_ / "elsewhere");
  fs::create_symlink("elsewhere", home_ / ".config");
  fs::create_symlink("elsewhere/target", home_ / ".file");
  WrittenFiles files;
  EXPECT_THAT(std::string(Message(files.Write(home_, ".config/file", "x", 0600, {}))),
              HasSubstr("links are not followed"));
  EXPECT_TRUE(absl::IsAlreadyExists(files.Write(home_, ".file", "x", 0600, {})));
  EXPECT_TRUE(fs::is_empty(home_ / "elsewhere"));
}

TEST_F(WrittenFilesTest, WhatTheCommandPutInAFoldersPlaceIsNotTouched) {
  fs::create_directory(home_ / "other");
  Make("other/hosts.yml", "other");
  {
    WrittenFiles files;
    ASSERT_TRUE(files.Write(home_, "gh/hosts.yml", "text", 0600, {}).ok());
    fs::rename(home_ / "gh", home_ / "moved");
    fs::create_symlink("other", home_ / "gh");
  }
  EXPECT_EQ(Read("other/hosts.yml"), "other");
  EXPECT_FALSE(fs::exists(home_ / "moved/hosts.yml"));
}

TEST_F(WrittenFilesTest, AFolderThatIsNotThereIsAnError) {
  WrittenFiles files;
  EXPECT_FALSE(files.Write(home_ / "none", "file", "x", 0600, {}).ok());
}

}  // namespace
}  // namespace sallyport::supervisor

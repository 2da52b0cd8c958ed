#include "base/trusted_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "base/status.h"

namespace sallyport {
namespace {

using ::testing::HasSubstr;

class TrustedFileTest : public testing::Test {
 protected:
  TrustedFileTest() {
    std::string name = (std::filesystem::temp_directory_path() / "sallyport.XXXXXX").string();
    folder_ = mkdtemp(name.data());
    std::filesystem::create_directory(folder_ + "/sub");
    chmod((folder_ + "/sub").c_str(), 0755);
    file_ = folder_ + "/sub/policy.yaml";
    std::ofstream(file_) << "text";
    chmod(file_.c_str(), 0644);
  }
  ~TrustedFileTest() override { std::filesystem::remove_all(folder_); }

  void ExpectRefused(const std::string& path, const std::string& why) {
    const absl::StatusOr<std::string> text = ReadTrustedFile(path, 100);
    ASSERT_FALSE(text.ok()) << path;
    EXPECT_THAT(std::string(Message(text.status())), HasSubstr(why)) << path;
  }

  std::string folder_;
  std::string file_;
};

TEST_F(TrustedFileTest, AFileOfOnesOwnIsRead) {
  EXPECT_EQ(*ReadTrustedFile(file_, 4), "text");
  EXPECT_EQ(*ReadTrustedFile(folder_ + "/./sub/../sub//policy.yaml", 4), "text");
}

TEST_F(TrustedFileTest, APathMayBeRelative) {
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(folder_ + "/sub");
  EXPECT_EQ(*ReadTrustedFile("policy.yaml", 100), "text");
  EXPECT_EQ(*ReadTrustedFile("../sub/policy.yaml", 100), "text");
  std::filesystem::current_path(before);
}

TEST_F(TrustedFileTest, AFileThatOthersMayWriteToIsRefused) {
  for (const mode_t mode : {0666, 0664, 0646}) {
    chmod(file_.c_str(), mode);
    ExpectRefused(file_, "writable by others");
  }
}

TEST_F(TrustedFileTest, AFolderThatOthersMayWriteToIsRefusedAtAnyHeight) {
  for (const std::string& folder : {folder_, folder_ + "/sub"}) {
    chmod(folder.c_str(), 0775);
    ExpectRefused(file_, folder + " is writable by others (mode 0775)");
    chmod(folder.c_str(), 0755);
  }
  EXPECT_TRUE(ReadTrustedFile(file_, 100).ok());
}

TEST_F(TrustedFileTest, AStickyFolderMayBeWritable) {
  chmod(folder_.c_str(), 01777);
  EXPECT_TRUE(ReadTrustedFile(file_, 100).ok());
}

TEST_F(TrustedFileTest, LinksAreFollowedAndTheirFoldersJudged) {
  std::filesystem::create_directory(folder_ + "/open");
  std::filesystem::create_symlink("../sub/policy.yaml", folder_ + "/open/link");
  std::filesystem::create_symlink(folder_ + "/open/link", folder_ + "/sub/chain");
  EXPECT_EQ(*ReadTrustedFile(folder_ + "/sub/chain", 100), "text");
  chmod((folder_ + "/open").c_str(), 0777);
  ExpectRefused(folder_ + "/open/link", "/open is writable by others");
  ExpectRefused(folder_ + "/sub/chain", "/open is writable by others");
}

TEST_F(TrustedFileTest, LinksInARingAreRefused) {
  std::filesystem::create_symlink("b", folder_ + "/a");
  std::filesystem::create_symlink("a", folder_ + "/b");
  ExpectRefused(folder_ + "/a", "cannot read");
}

TEST_F(TrustedFileTest, WhatIsNoRegularFileIsRefused) {
  ExpectRefused(folder_, "directory");
  ASSERT_EQ(mkfifo((folder_ + "/fifo").c_str(), 0600), 0);
  ExpectRefused(folder_ + "/fifo", "not a regular file");
  ExpectRefused(file_ + "/x", "Not a directory");
  ExpectRefused(folder_ + "/absent", "No such file");
}

TEST_F(TrustedFileTest, AFileOfAnotherUserIsRefused) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  ASSERT_EQ(chown(file_.c_str(), 12345, 12345), 0);
  ExpectRefused(file_, "belongs to user 12345");
  ASSERT_EQ(chown(file_.c_str(), 0, 0), 0);
  ASSERT_EQ(chown((folder_ + "/sub").c_str(), 12345, 12345), 0);
  ExpectRefused(file_, "/sub belongs to user 12345");
}

TEST_F(TrustedFileTest, AFileThatIsTooLargeIsRefused) {
  EXPECT_TRUE(absl::IsResourceExhausted(ReadTrustedFile(file_, 3).status()));
}

}  // namespace
}  // namespace sallyport

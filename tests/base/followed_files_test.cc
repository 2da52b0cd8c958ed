#include "base/followed_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "base/status.h"

namespace sallyport {
namespace {

namespace fs = std::filesystem;
using Keeping = FollowedFiles::Keeping;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class FollowedFilesTest : public testing::Test {
 protected:
  FollowedFilesTest() {
    std::string name = (fs::temp_directory_path() / "followed-XXXXXX").string();
    folder_ = fs::canonical(mkdtemp(name.data()));
    fs::create_directories(folder_ / "open" / "deep");
    fs::create_directories(folder_ / "closed");
  }
  ~FollowedFilesTest() override { fs::remove_all(folder_); }

  std::string Write(const fs::path& name, std::string_view text = "text") const {
    std::ofstream(folder_ / name) << text;
    return (folder_ / name).string();
  }
  std::vector<std::string> Seal(Keeping keeping) {
    return files_.Seal({.writable = {(folder_ / "open").string()}, .readable = {}}, keeping)
        .steering;
  }
  // With "closed" for the program to read.
  std::vector<std::string> SealSecrets(Keeping keeping) {
    const FollowedFiles::Reach reach = {.writable = {(folder_ / "open").string()},
                                        .readable = {(folder_ / "closed").string()}};
    return files_.Seal(reach, keeping).secret;
  }
  absl::Status UseSecret(const std::string& path) {
    struct stat info = {};
    stat(path.c_str(), &info);
    return files_.Admit(path, info, FollowedFiles::Use::kIsSecret);
  }
  absl::Status Read(const std::string& path) { return files_.Read(path, 100).status(); }

  fs::path folder_;
  FollowedFiles files_;
};

TEST_F(FollowedFilesTest, WhatLiesElsewhereIsFollowedWhateverBecomesOfIt) {
  const std::string file = Write("closed/file");
  EXPECT_TRUE(Read(file).ok());
  EXPECT_THAT(Seal(Keeping::kNone), IsEmpty());
  fs::remove(file);
  Write("closed/file", "another");
  EXPECT_TRUE(Read(file).ok());
  EXPECT_TRUE(Read(Write("closed/new")).ok());
  EXPECT_TRUE(Read(Write("open.not", "a name that begins like an open one's")).ok());
}

TEST_F(FollowedFilesTest, WhatIsKeptIsFollowedAsLongAsItIsTheSame) {
  const std::string file = Write("open/deep/file");
  EXPECT_TRUE(Read(file).ok());
  EXPECT_THAT(Seal(Keeping::kByMounts), ElementsAre(file));
  Write("open/deep/file", "written into");
  EXPECT_TRUE(Read(file).ok());
  fs::rename(Write("open/deep/other"), file);
  EXPECT_THAT(std::string(Message(Read(file))), HasSubstr("is another file than at the start"));
}

TEST_F(FollowedFilesTest, WhatIsNotKeptIsNotUsedAgain) {
  const std::string file = Write("open/file");
  EXPECT_TRUE(Read(file).ok());
  EXPECT_THAT(Seal(Keeping::kNone), ElementsAre(file));
  EXPECT_THAT(std::string(Message(Read(file))), HasSubstr("lies where the command can write"));
}

TEST_F(FollowedFilesTest, WhatIsNamedLaterIsNotUsedThere) {
  Seal(Keeping::kByMounts);
  EXPECT_FALSE(Read(Write("open/file")).ok());
  EXPECT_FALSE(Read((folder_ / "closed" / ".." / "open" / "file").string()).ok());
  fs::create_symlink(folder_ / "open", folder_ / "closed" / "link");
  EXPECT_FALSE(Read((folder_ / "closed" / "link" / "file").string()).ok());
}

TEST_F(FollowedFilesTest, ALinkThatCanBeChangedIsNotFollowed) {
  const std::string target = Write("closed/target");
  fs::create_symlink(target, folder_ / "open" / "link");
  const std::string link = (folder_ / "open" / "link").string();
  EXPECT_TRUE(Read(link).ok());
  EXPECT_THAT(Seal(Keeping::kByMounts), ElementsAre(target));
  EXPECT_FALSE(Read(link).ok());
  EXPECT_TRUE(Read(target).ok());
}

TEST_F(FollowedFilesTest, WhatHasAnotherNameIsNotUsedAgain) {
  const std::string file = Write("open/file");
  fs::create_hard_link(file, folder_ / "open" / "alias");
  EXPECT_TRUE(Read(file).ok());
  Seal(Keeping::kByMounts);
  EXPECT_FALSE(Read(file).ok());
}

TEST_F(FollowedFilesTest, LinksToWhatMayBeWrittenAreSeenThrough) {
  fs::create_symlink(folder_ / "open", folder_ / "alias");
  const std::string file = Write("open/file");
  const std::string by_alias = (folder_ / "alias" / "file").string();
  EXPECT_TRUE(Read(by_alias).ok());
  const FollowedFiles::Reach reach = {.writable = {(folder_ / "alias").string()}, .readable = {}};
  EXPECT_THAT(files_.Seal(reach, Keeping::kByMounts).steering, ElementsAre(file));
  EXPECT_TRUE(Read(by_alias).ok());
}

TEST_F(FollowedFilesTest, ASecretMustNotBeReadEither) {
  const std::string file = Write("closed/secret");
  EXPECT_TRUE(UseSecret(file).ok());
  EXPECT_TRUE(Read(Write("closed/settings")).ok());
  EXPECT_THAT(SealSecrets(Keeping::kByMounts), ElementsAre(file));
  EXPECT_TRUE(UseSecret(file).ok());
  EXPECT_THAT(std::string(Message(UseSecret(Write("closed/another")))),
              HasSubstr("lies where the command can read"));
  EXPECT_TRUE(UseSecret(Write("elsewhere")).ok());
}

TEST_F(FollowedFilesTest, ASecretThatTakesTurnsIsHiddenWithItsFolder) {
  fs::create_directories(folder_ / "closed" / "mount" / "..1");
  const std::string file = Write("closed/mount/..1/token");
  fs::create_symlink("..1", folder_ / "closed" / "mount" / "..data");
  fs::create_symlink("..data/token", folder_ / "closed" / "mount" / "token");
  EXPECT_TRUE(UseSecret((folder_ / "closed" / "mount" / "token").string()).ok());
  EXPECT_THAT(SealSecrets(Keeping::kByMounts), ElementsAre((folder_ / "closed/mount").string()));
}

TEST_F(FollowedFilesTest, NothingElseIsHiddenWithASecret) {
  const std::string file = Write("closed/secret");
  fs::create_symlink(file, folder_ / "link");
  EXPECT_TRUE(UseSecret((folder_ / "link").string()).ok());
  EXPECT_THAT(SealSecrets(Keeping::kByMounts), ElementsAre(file));
}

TEST_F(FollowedFilesTest, LinksInACircleAreRefused) {
  fs::create_symlink(folder_ / "b", folder_ / "a");
  fs::create_symlink(folder_ / "a", folder_ / "b");
  Seal(Keeping::kNone);
  struct stat none = {};
  EXPECT_FALSE(files_.Admit((folder_ / "a").string(), none).ok());
}

}  // namespace
}  // namespace sallyport

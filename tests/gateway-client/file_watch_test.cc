#include "gateway-client/file_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/gateway-client/temporary_folder.h"

namespace sallyport::sources {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::Pair;
namespace fs = std::filesystem;

TEST(FileWatchTest, StepsFollowSymbolicLinksAsTheKernelDoes) {
  TemporaryFolder folder;
  fs::create_directory(folder.Path("v1"));
  folder.Write("v1/token", "x");
  fs::create_symlink("v1", folder.Path("..data"));
  fs::create_symlink("..data/token", folder.Path("token"));
  EXPECT_THAT(StepsOfPath(folder.Path("token")),
              IsSupersetOf({Pair(folder.Path(), "token"), Pair(folder.Path(), "..data"),
                            Pair(folder.Path(), "v1"), Pair(folder.Path("v1"), "token")}));
}

TEST(FileWatchTest, StepsEndAtWhatDoesNotExist) {
  TemporaryFolder folder;
  const auto steps = StepsOfPath(folder.Path("missing/token"));
  EXPECT_TRUE(steps.contains({folder.Path(), "missing"}));
  EXPECT_FALSE(steps.contains({folder.Path("missing"), "token"}));
}

TEST(FileWatchTest, StepsOfALinkLoopEnd) {
  TemporaryFolder folder;
  fs::create_symlink("loop", folder.Path("loop"));
  EXPECT_TRUE(StepsOfPath(folder.Path("loop")).contains({folder.Path(), "loop"}));
}

TEST(FileWatchTest, ReportsEveryWayAFileCanChange) {
  struct Case {
    const char* what;
    std::function<void(const TemporaryFolder&)> change;
  };
  const Case cases[] = {
      {"written in place", [](const TemporaryFolder& f) { f.Write("a/token", "new"); }},
      {"replaced",
       [](const TemporaryFolder& f) { fs::rename(f.Write("n", "new"), f.Path("a/token")); }},
      {"removed", [](const TemporaryFolder& f) { fs::remove(f.Path("a/token")); }},
      {"made readable",
       [](const TemporaryFolder& f) { fs::permissions(f.Path("a/token"), fs::perms::all); }},
      {"folder renamed", [](const TemporaryFolder& f) { fs::rename(f.Path("a"), f.Path("b")); }},
  };
  for (const Case& c : cases) {
    TemporaryFolder folder;
    fs::create_directory(folder.Path("a"));
    folder.Write("a/token", "old");
    FileWatch watch;
    watch.Add(folder.Path("a/token"));
    EXPECT_THAT(watch.TakeChanged(), IsEmpty()) << c.what;
    folder.Write("a/other", "x");
    EXPECT_THAT(watch.TakeChanged(), IsEmpty()) << c.what;
    c.change(folder);
    EXPECT_THAT(watch.TakeChanged(), ElementsAre(folder.Path("a/token"))) << c.what;
  }
}

TEST(FileWatchTest, FollowsAFolderThatIsReplacedAndAFileThatComesLater) {
  TemporaryFolder folder;
  const std::string token = folder.Path("a/token");
  FileWatch watch;
  watch.Add(token);
  fs::create_directory(folder.Path("a"));
  EXPECT_THAT(watch.TakeChanged(), ElementsAre(token));
  watch.Add(token);
  folder.Write("a/token", "1");
  EXPECT_THAT(watch.TakeChanged(), ElementsAre(token));
  fs::create_directory(folder.Path("b"));
  folder.Write("b/token", "2");
  watch.Add(token);
  (void)watch.TakeChanged();
  fs::rename(folder.Path("a"), folder.Path("old"));
  fs::rename(folder.Path("b"), folder.Path("a"));
  EXPECT_THAT(watch.TakeChanged(), ElementsAre(token));
  watch.Add(token);
  folder.Write("a/token", "3");
  EXPECT_THAT(watch.TakeChanged(), ElementsAre(token));
}

TEST(FileWatchTest, ReportsTheSwapOfAKubernetesMount) {
  TemporaryFolder folder;
  for (const char* version : {"v1", "v2"}) {
    fs::create_directory(folder.Path(version));
    folder.Write(std::string(version) + "/token", version);
  }
  fs::create_symlink("v1", folder.Path("..data"));
  fs::create_symlink("..data/token", folder.Path("token"));
  FileWatch watch;
  watch.Add(folder.Path("token"));
  fs::create_symlink("v2", folder.Path("..data_tmp"));
  EXPECT_THAT(watch.TakeChanged(), IsEmpty());
  fs::rename(folder.Path("..data_tmp"), folder.Path("..data"));
  EXPECT_THAT(watch.TakeChanged(), ElementsAre(folder.Path("token")));
}

TEST(FileWatchTest, ForgetsWhatIsRemoved) {
  TemporaryFolder folder;
  const std::string token = folder.Write("token", "1");
  FileWatch watch;
  watch.Add(token);
  watch.Remove(token);
  folder.Write("token", "2");
  EXPECT_THAT(watch.TakeChanged(), IsEmpty());
}

}  // namespace
}  // namespace sallyport::sources

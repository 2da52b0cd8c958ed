#include "gateway-client/policy_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>

#include <filesystem>

#include "base/status.h"
#include "tests/gateway-client/temporary_folder.h"

namespace sallyport::sources {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kEmpty = "version: 1\n";
constexpr std::string_view kOneHost =
    "version: 1\nnetwork_policies: {e: {endpoints: [{host: a.test, port: 443}]}}\n";

class PolicyFileTest : public testing::Test {
 protected:
  PolicyFileTest()
      : path_(folder_.Write("policy.yaml", kEmpty)),
        file_(path_, std::make_shared<FollowedFiles>()) {
    chmod(path_.c_str(), 0644);
  }

  // Whether the source says within a second that there may be something new, and there is.
  bool Changed() {
    pollfd readable = {file_.fd(), POLLIN, 0};
    return poll(&readable, 1, 1000) == 1 && file_.TakeChange();
  }

  TemporaryFolder folder_;
  std::string path_;
  PolicyFile file_;
};

TEST_F(PolicyFileTest, TheSameTextIsTheSamePolicy) {
  const auto first = file_.Fetch();
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(*first, *file_.Fetch());
  folder_.Write("policy.yaml", kOneHost);
  const auto second = file_.Fetch();
  ASSERT_TRUE(second.ok());
  EXPECT_NE(*first, *second);
}

TEST_F(PolicyFileTest, AChangeIsNoticedOnce) {
  ASSERT_TRUE(file_.Fetch().ok());
  EXPECT_FALSE(file_.TakeChange());
  folder_.Write("policy.yaml", kOneHost);
  EXPECT_TRUE(Changed());
  ASSERT_TRUE(file_.Fetch().ok());
  EXPECT_FALSE(file_.TakeChange());
}

TEST_F(PolicyFileTest, AChangeBeforeTheFirstLookIsNoticed) {
  ASSERT_TRUE(file_.Fetch().ok());
  folder_.Write("policy.yaml", kOneHost);
  EXPECT_TRUE(file_.TakeChange());
}

TEST_F(PolicyFileTest, AFileThatVanishesIsNoChange) {
  ASSERT_TRUE(file_.Fetch().ok());
  EXPECT_FALSE(file_.TakeChange());
  std::filesystem::remove(path_);
  EXPECT_FALSE(file_.TakeChange());
}

TEST_F(PolicyFileTest, EveryProblemHasItsLine) {
  folder_.Write("policy.yaml", "version: 2\nlandlok: {}\n");
  EXPECT_EQ(Message(file_.Fetch().status()),
            path_ + ":1:10: version: must be 1\n" + path_ +
                ":2:1: landlok: unknown key; did you mean \"landlock\"?");
}

TEST_F(PolicyFileTest, AFileThatOthersMayWriteToIsAnError) {
  ASSERT_TRUE(file_.Fetch().ok());
  EXPECT_FALSE(file_.TakeChange());
  chmod(path_.c_str(), 0666);
  EXPECT_TRUE(Changed());
  EXPECT_THAT(std::string(Message(file_.Fetch().status())), HasSubstr("writable by others"));
}

}  // namespace
}  // namespace sallyport::sources

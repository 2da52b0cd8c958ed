#include "gateway-client/credential_sources.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <thread>

#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "base/status.h"
#include "tests/gateway-client/temporary_folder.h"

namespace sallyport::sources {
namespace {

using rules::CredentialSource;
using std::chrono::seconds;
namespace fs = std::filesystem;

CredentialSource Variable(std::string name) {
  CredentialSource spec;
  spec.kind = CredentialSource::Kind::kEnvVar;
  spec.env_var = std::move(name);
  return spec;
}

CredentialSource File(std::string path) {
  CredentialSource spec;
  spec.kind = CredentialSource::Kind::kFile;
  spec.file = std::move(path);
  return spec;
}

CredentialSource Command(std::vector<std::string> argv, seconds ttl = seconds(300)) {
  CredentialSource spec;
  spec.kind = CredentialSource::Kind::kCommand;
  spec.command = std::move(argv);
  spec.ttl = ttl;
  return spec;
}

CredentialSource Shell(std::string script, seconds ttl = seconds(300)) {
  return Command({"/bin/sh", "-c", std::move(script)}, ttl);
}

CredentialSource Property(std::string property, std::vector<std::string> variables) {
  CredentialSource spec;
  spec.kind = CredentialSource::Kind::kProvider;
  spec.provider = "example";
  spec.property = std::move(property);
  spec.variables = std::move(variables);
  return spec;
}

// The sources and what their callback was last given.
class CredentialSourcesTest : public testing::Test {
 protected:
  CredentialSourcesTest()
      : sources_(std::make_shared<FollowedFiles>(),
                 [this](std::shared_ptr<const ValueTable> table) {
                   absl::MutexLock lock(&mutex_);
                   latest_ = std::move(table);
                   published_.SignalAll();
                 }) {}

  // The value at `index` after Follow; nothing if it has none.
  std::optional<std::string> Value(size_t index = 0) const {
    const std::shared_ptr<const ValueTable> table = sources_.Current();
    if (table->at(index) == nullptr || table->at(index)->value.empty()) return std::nullopt;
    return std::string(table->at(index)->value.Reveal());
  }

  // Waits until the callback has been given `value` (nothing: no value) at index 0.
  bool AwaitValue(std::optional<std::string> value) {
    const auto arrived = [&]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
      if (latest_ == nullptr) return false;
      const auto& entry = latest_->at(0);
      return entry == nullptr || entry->value.empty() ? !value.has_value()
                                                      : value == entry->value.Reveal();
    };
    const absl::Time deadline = absl::Now() + absl::Seconds(20);
    absl::MutexLock lock(&mutex_);
    while (!arrived()) {
      if (published_.WaitWithDeadline(&mutex_, deadline)) return arrived();
    }
    return true;
  }

  TemporaryFolder folder_;
  absl::Mutex mutex_;
  absl::CondVar published_;
  std::shared_ptr<const ValueTable> latest_ ABSL_GUARDED_BY(mutex_);
  CredentialSources sources_;
};

TEST_F(CredentialSourcesTest, ReadsVariablesFilesAndCommandsByIndex) {
  setenv("ST_KEY", "from-env", 1);
  const auto table = sources_.Follow({Variable("ST_KEY"), File(folder_.Write("t", "from-file\n")),
                                      Command({"echo", "from-command"}), Variable("ST_UNSET")});
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ((**table).size(), 4u);
  EXPECT_EQ(Value(0), "from-env");
  EXPECT_EQ(Value(1), "from-file");
  EXPECT_EQ(Value(2), "from-command");
  EXPECT_EQ(Value(3), std::nullopt);
}

TEST_F(CredentialSourcesTest, TakesAVariableOutOfTheEnvironmentForGood) {
  setenv("ST_TAKEN", "s3cret", 1);
  ASSERT_TRUE(sources_.Follow({Variable("ST_TAKEN")}).ok());
  EXPECT_EQ(getenv("ST_TAKEN"), nullptr);
  // Known again after a configuration in between that did not name it.
  ASSERT_TRUE(sources_.Follow({}).ok());
  ASSERT_TRUE(sources_.Follow({Variable("ST_TAKEN"), Variable("ST_TAKEN")}).ok());
  EXPECT_EQ(Value(0), "s3cret");
  EXPECT_EQ(Value(1), "s3cret");
}

TEST_F(CredentialSourcesTest, APropertyIsTheFirstOfItsVariablesThatIsSetAndTakesAll) {
  setenv("ST_EMPTY", "", 1);
  setenv("ST_SECOND", "second", 1);
  setenv("ST_THIRD", "third", 1);
  setenv("ST_FOURTH", "fourth", 1);
  const auto token =
      Property("token", {"ST_ABSENT", "ST_EMPTY", "ST_SECOND", "ST_THIRD", "ST_FOURTH"});
  ASSERT_TRUE(
      sources_.Follow({token, Variable("ST_THIRD"), Property("other", {"ST_ABSENT"})}).ok());
  EXPECT_EQ(Value(0), "second");
  EXPECT_EQ(getenv("ST_FOURTH"), nullptr);
  // What another has taken it has too.
  EXPECT_EQ(Value(1), "third");
  EXPECT_EQ(sources_.Current()->at(2), nullptr);
}

TEST_F(CredentialSourcesTest, WipesTheEnvironmentTheProcessWasStartedWith) {
  // The variable has to be in the block that exec made: this program runs itself.
  if (getenv("ST_IN_BLOCK") == nullptr) {
    char self[4096] = {};
    ASSERT_GT(readlink("/proc/self/exe", self, sizeof(self) - 1), 0);
    setenv("ST_IN_BLOCK", "s3cret-in-block", 1);
    const std::string command = std::string(self) +
                                " --gtest_filter=CredentialSourcesTest.WipesTheEnvironment*"
                                " >/dev/null";
    const int status = system(command.c_str());
    unsetenv("ST_IN_BLOCK");
    EXPECT_EQ(status, 0);
    return;
  }
  ASSERT_TRUE(sources_.Follow({Variable("ST_IN_BLOCK")}).ok());
  std::ifstream file("/proc/self/environ", std::ios::binary);
  const std::string block{std::istreambuf_iterator<char>(file), {}};
  EXPECT_FALSE(block.empty());
  EXPECT_EQ(block.find("s3cret-in-block"), std::string::npos);
  EXPECT_EQ(Value(), "s3cret-in-block");
}

TEST_F(CredentialSourcesTest, NoValueIsNoError) {
  setenv("ST_EMPTY", "", 1);
  const CredentialSource cases[] = {
      Variable("ST_EMPTY"),
      File(folder_.Path("missing")),
      File(folder_.Path("missing/missing")),
      File(folder_.Path()),
      File(folder_.Write("empty", "\n")),
      Command({"/bin/false"}),
      Command({folder_.Path("missing")}),
      Command({"true"}),
      Shell("echo why >&2; kill -9 $$"),
  };
  for (const CredentialSource& spec : cases) {
    ASSERT_TRUE(sources_.Follow({spec}).ok());
    EXPECT_EQ(Value(), std::nullopt) << spec.env_var << spec.file;
  }
}

TEST_F(CredentialSourcesTest, UnusableValuesAreAllNamedAndTheOldSourcesStay) {
  setenv("ST_CRLF", "s3cret\r\nX: y", 1);
  ASSERT_TRUE(sources_.Follow({Command({"echo", "good"})}).ok());
  const std::string file = folder_.Write("two-lines", "s3cret\nline\n");
  const auto result = sources_.Follow(
      {Variable("ST_CRLF"), File(file), Shell("head -c 20000 /dev/zero | tr '\\0' x")});
  ASSERT_FALSE(result.ok());
  const std::string_view message = Message(result.status());
  EXPECT_NE(message.find("environment variable ST_CRLF"), message.npos) << message;
  EXPECT_NE(message.find(file), message.npos) << message;
  EXPECT_NE(message.find("command /bin/sh"), message.npos) << message;
  EXPECT_EQ(message.find("s3cret"), message.npos) << message;
  EXPECT_EQ(Value(), "good");
}

TEST_F(CredentialSourcesTest, FollowsAFileThatChangesGoesAndComesBack) {
  const std::string path = folder_.Write("token", "one");
  ASSERT_TRUE(sources_.Follow({File(path)}).ok());
  EXPECT_EQ(Value(), "one");
  folder_.Write("token", "two\r\n");
  EXPECT_TRUE(AwaitValue("two"));
  fs::rename(folder_.Write("next", "three"), path);
  EXPECT_TRUE(AwaitValue("three"));
  fs::remove(path);
  EXPECT_TRUE(AwaitValue(std::nullopt));
  fs::rename(folder_.Write("next", "four"), path);
  EXPECT_TRUE(AwaitValue("four"));
  folder_.Write("token", "un\nusable");
  EXPECT_TRUE(AwaitValue(std::nullopt));
}

TEST_F(CredentialSourcesTest, FollowsASwappedKubernetesMount) {
  for (const char* version : {"v1", "v2"}) {
    fs::create_directory(folder_.Path(version));
    folder_.Write(std::string(version) + "/token", version);
  }
  fs::create_symlink("v1", folder_.Path("..data"));
  fs::create_symlink("..data/token", folder_.Path("token"));
  ASSERT_TRUE(sources_.Follow({File(folder_.Path("token"))}).ok());
  EXPECT_EQ(Value(), "v1");
  fs::create_symlink("v2", folder_.Path("..data_tmp"));
  fs::rename(folder_.Path("..data_tmp"), folder_.Path("..data"));
  EXPECT_TRUE(AwaitValue("v2"));
}

TEST_F(CredentialSourcesTest, RenewsACommandBeforeItsTtlIsOver) {
  const std::string count = folder_.Write("count", "");
  const std::string script = "echo >> " + count + "; wc -l < " + count;
  ASSERT_TRUE(sources_.Follow({Shell(script, seconds(1))}).ok());
  EXPECT_EQ(Value(), "1");
  EXPECT_TRUE(AwaitValue("2"));
  EXPECT_TRUE(AwaitValue("3"));
}

TEST_F(CredentialSourcesTest, AFailedRenewalKeepsTheValueUntilTheTtlIsOver) {
  const std::string once = folder_.Path("once");
  const auto start = std::chrono::steady_clock::now();
  ASSERT_TRUE(sources_.Follow({Shell("mkdir " + once + " && echo v", seconds(2))}).ok());
  EXPECT_EQ(Value(), "v");
  EXPECT_TRUE(AwaitValue(std::nullopt));
  EXPECT_GE(std::chrono::steady_clock::now() - start, seconds(2));
  fs::remove(once);
  EXPECT_TRUE(AwaitValue("v"));
}

TEST_F(CredentialSourcesTest, CommandsRunWithoutShellInputOrTakenVariables) {
  setenv("ST_TAKEN_TOO", "s3cret", 1);
  setenv("ST_KEPT", "kept", 1);
  ASSERT_TRUE(sources_.Follow({Variable("ST_TAKEN_TOO")}).ok());
  ASSERT_TRUE(sources_
                  .Follow({Variable("ST_TAKEN_TOO"), Command({"echo", "$HOME; *"}),
                           Shell("cat; echo end"), Shell("echo ${ST_TAKEN_TOO-gone} $ST_KEPT"),
                           Shell("ls /proc/self/fd | tr '\\n' ' '")})
                  .ok());
  EXPECT_EQ(Value(1), "$HOME; *");
  EXPECT_EQ(Value(2), "end");
  EXPECT_EQ(Value(3), "gone kept");
  EXPECT_EQ(Value(4), "0 1 2 3 ");  // 3 is what ls reads
}

TEST_F(CredentialSourcesTest, WhatACommandLeavesBehindIsKilledAndNotWaitedFor) {
  const std::string pid_file = folder_.Path("pid");
  ASSERT_TRUE(sources_.Follow({Shell("sleep 1000 & echo $! > " + pid_file + "; echo value")}).ok());
  EXPECT_EQ(Value(), "value");
  pid_t pid = 0;
  std::ifstream(pid_file) >> pid;
  ASSERT_GT(pid, 0);
  // Killed, it is a zombie until init reaps it.
  std::string state;
  for (int i = 0; i < 1000 && kill(pid, 0) == 0 && state != "Z"; ++i) {
    std::string word;
    std::ifstream(("/proc/" + std::to_string(pid) + "/stat").c_str()) >> word >> word >> state;
    std::this_thread::yield();
  }
  EXPECT_TRUE(kill(pid, 0) != 0 || state == "Z");
}

TEST_F(CredentialSourcesTest, CommandsRunSideBySide) {
  // Each waits for the other's file: one after the other they would never end.
  const std::string a = folder_.Path("a");
  const std::string b = folder_.Path("b");
  const auto wait = [](const std::string& mine, const std::string& other) {
    return Shell("touch " + mine + "; while ! [ -e " + other + " ]; do sleep 0.01; done; echo ok");
  };
  ASSERT_TRUE(sources_.Follow({wait(a, b), wait(b, a)}).ok());
  EXPECT_EQ(Value(0), "ok");
  EXPECT_EQ(Value(1), "ok");
}

TEST(CredentialSourcesLifetimeTest, DestructionKillsARunningCommand) {
  TemporaryFolder folder;
  const std::string pid_file = folder.Path("pid");
  {
    CredentialSources sources(std::make_shared<FollowedFiles>(),
                              [](std::shared_ptr<const ValueTable>) {});
    // The first run is quick; the renewal hangs.
    const std::string script = "if [ -e " + folder.Path("ran") + " ]; then echo $$ > " +
                               folder.Path("tmp") + "; mv " + folder.Path("tmp") + " " + pid_file +
                               "; exec sleep 1000; fi; touch " + folder.Path("ran") + "; echo v";
    ASSERT_TRUE(sources.Follow({Shell(script, seconds(1))}).ok());
    while (!fs::exists(pid_file)) std::this_thread::yield();
  }
  pid_t pid = 0;
  std::ifstream(pid_file) >> pid;
  ASSERT_GT(pid, 0);
  EXPECT_NE(kill(pid, 0), 0);
}

TEST(CredentialTableTest, TellsASourceThatWasNeverSetFromOneThatFails) {
  CredentialSources sources(std::make_shared<FollowedFiles>(),
                            [](const std::shared_ptr<const ValueTable>&) {});
  rules::CredentialSource variable;
  variable.env_var = "ST_NEVER_SET";
  rules::CredentialSource command;
  command.kind = rules::CredentialSource::Kind::kCommand;
  command.command = {"false"};
  const auto table = sources.Follow({variable, command});
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ((*table)->at(0), nullptr);
  ASSERT_NE((*table)->at(1), nullptr);
  EXPECT_TRUE((*table)->at(1)->value.empty());
}

}  // namespace
}  // namespace sallyport::sources

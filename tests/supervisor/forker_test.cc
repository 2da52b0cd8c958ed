#include "supervisor/forker.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <string>
#include <thread>

#include "base/file.h"
#include "base/status.h"
#include "base/unique_fd.h"
#include "tests/gateway-client/temporary_folder.h"

namespace sallyport::supervisor {
namespace {

class ForkerTest : public testing::Test {
 protected:
  void SetUp() override {
    auto forker = Forker::Start();
    ASSERT_TRUE(forker.ok()) << forker.status();
    forker_.emplace(*std::move(forker));
  }

  ChildPlan Shell(const std::string& script) const {
    ChildPlan plan;
    plan.argv = {"sh", "-c", script};
    plan.candidates = {"/nonexistent/sh", "/bin/sh"};
    plan.environment = {"PATH=/usr/bin:/bin", "OUT=" + folder_.Path("out")};
    plan.workdir = folder_.Path();
    return plan;
  }

  // Runs the plan to its end; the wait status.
  int Run(const ChildPlan& plan) {
    const auto failure = forker_->Spawn(plan);
    if (!failure.ok() || failure->has_value()) return -1;
    const auto event = forker_->NextEvent();
    if (!event.ok() || !std::holds_alternative<Forker::Exited>(*event)) return -1;
    EXPECT_EQ(std::get<Forker::Exited>(*event).left_behind, 0);
    return std::get<Forker::Exited>(*event).wait_status;
  }

  std::string Output() const {
    const auto text = ReadFile(folder_.Path("out"), 1 << 20);
    return text.ok() ? *text : "";
  }

  // Waits for the command to write its output.
  void AwaitOutput() const {
    while (Output().empty()) std::this_thread::yield();
  }

  TemporaryFolder folder_;
  std::optional<Forker> forker_;
};

TEST_F(ForkerTest, ReportsExitStatusAndSignals) {
  EXPECT_EQ(WEXITSTATUS(Run(Shell("exit 7"))), 7);
  EXPECT_EQ(WTERMSIG(Run(Shell("kill -KILL $$"))), SIGKILL);
}

TEST_F(ForkerTest, TheChildHasItsPlanAndNothingElse) {
  const UniqueFd open_here(open("/dev/null", O_RDONLY));  // not close-on-exec
  auto forker = Forker::Start();
  ASSERT_TRUE(forker.ok());
  forker_.emplace(*std::move(forker));
  EXPECT_EQ(Run(Shell("exec > $OUT; env | sort; pwd; ls -x /proc/self/fd")), 0);
  // Descriptor 3 is what ls reads; PWD is the shell's own doing.
  EXPECT_EQ(Output(), "OUT=" + folder_.Path("out") + "\nPATH=/usr/bin:/bin\nPWD=" + folder_.Path() +
                          "\n" + folder_.Path() + "\n0  1  2  3\n");
}

TEST_F(ForkerTest, LongArgumentsAndEnvironmentsArrive) {
  ChildPlan plan = Shell("[ ${#LONG} = 100000 ] && [ ${#1} = 100000 ]");
  plan.argv.insert(plan.argv.end(), {"sh", std::string(100'000, 'y')});
  plan.environment.push_back("LONG=" + std::string(100'000, 'x'));
  EXPECT_EQ(Run(plan), 0);
}

TEST_F(ForkerTest, WhatCannotBeStartedSaysWhere) {
  struct Case {
    std::string candidate;
    std::string workdir;
    SpawnStep step;
    int error;
  };
  const Case cases[] = {
      {"/nonexistent", "/", SpawnStep::kExec, ENOENT},
      {"/etc/passwd", "/", SpawnStep::kExec, EACCES},
      {"/etc/passwd/x", "/", SpawnStep::kExec, ENOENT},
      {"/bin/true", folder_.Path("missing"), SpawnStep::kWorkdir, ENOENT},
  };
  for (const Case& c : cases) {
    ChildPlan plan = Shell("");
    plan.candidates = {c.candidate};
    plan.workdir = c.workdir;
    const auto failure = forker_->Spawn(plan);
    ASSERT_TRUE(failure.ok()) << failure.status();
    ASSERT_TRUE(failure->has_value()) << c.candidate;
    EXPECT_EQ((*failure)->step, c.step);
    EXPECT_EQ((*failure)->error, c.error);
  }
  // The forker is still there for one that can.
  EXPECT_EQ(Run(Shell("true")), 0);
}

TEST_F(ForkerTest, AFileWithoutAFormatIsNotHandedToAShell) {
  ChildPlan plan = Shell("");
  plan.candidates = {folder_.Write("script", "echo\n")};
  ASSERT_EQ(chmod(plan.candidates[0].c_str(), 0755), 0);
  const auto failure = forker_->Spawn(plan);
  ASSERT_TRUE(failure.ok() && failure->has_value());
  EXPECT_EQ((*failure)->error, ENOEXEC);
}

TEST_F(ForkerTest, SignalsReachTheChild) {
  const auto failure =
      forker_->Spawn(Shell("trap 'exit 9' USR1; echo ready > $OUT; while :; do sleep 0.01; done"));
  ASSERT_TRUE(failure.ok() && !failure->has_value());
  AwaitOutput();
  forker_->Signal(SIGUSR1);
  const auto event = forker_->NextEvent();
  ASSERT_TRUE(event.ok()) << event.status();
  EXPECT_EQ(WEXITSTATUS(std::get<Forker::Exited>(*event).wait_status), 9);
}

TEST_F(ForkerTest, AStoppedChildIsReportedAndGoesOn) {
  const auto failure = forker_->Spawn(Shell("kill -STOP $$; exit 3"));
  ASSERT_TRUE(failure.ok() && !failure->has_value());
  auto event = forker_->NextEvent();
  ASSERT_TRUE(event.ok()) << event.status();
  ASSERT_TRUE(std::holds_alternative<Forker::Stopped>(*event));
  EXPECT_EQ(std::get<Forker::Stopped>(*event).signal, SIGSTOP);
  forker_->Signal(SIGCONT);
  event = forker_->NextEvent();
  ASSERT_TRUE(event.ok()) << event.status();
  EXPECT_EQ(WEXITSTATUS(std::get<Forker::Exited>(*event).wait_status), 3);
}

TEST_F(ForkerTest, WhatTheCommandLeavesBehindEndsWithIt) {
  EXPECT_EQ(Run(Shell("setsid sh -c 'trap \"\" TERM HUP; echo $$ > $OUT; while :; do sleep 1; done'"
                      " > /dev/null 2>&1 & while ! [ -s $OUT ]; do sleep 0.01; done")),
            0);
  const pid_t orphan = std::stoi(Output());
  EXPECT_NE(kill(orphan, 0), 0);
}

TEST_F(ForkerTest, EverythingEndsWhenTheSupervisorGoes) {
  const auto failure = forker_->Spawn(Shell("sleep 1000 & echo $! $$ > $OUT; wait"));
  ASSERT_TRUE(failure.ok() && !failure->has_value());
  AwaitOutput();
  forker_.reset();  // closes the channel, as the end of the process does
  pid_t grandchild = 0;
  pid_t child = 0;
  std::ifstream(folder_.Path("out")) >> grandchild >> child;
  ASSERT_GT(child, 0);
  EXPECT_NE(kill(child, 0), 0);
  EXPECT_NE(kill(grandchild, 0), 0);
}

TEST_F(ForkerTest, TheForkersCopyOfTheEnvironmentIsWiped) {
  // It has run Isolate when it answers.
  ChildPlan plan = Shell("");
  plan.candidates = {"/nonexistent"};
  ASSERT_TRUE(forker_->Spawn(plan).ok());
  const auto block = ReadFile("/proc/" + std::to_string(forker_->pid()) + "/environ", 1 << 20);
  ASSERT_TRUE(block.ok()) << block.status();
  EXPECT_EQ(block->find("PATH="), block->npos);
}

TEST_F(ForkerTest, AForkerThatIsGoneIsAnError) {
  kill(forker_->pid(), SIGKILL);
  EXPECT_FALSE(forker_->NextEvent().ok());
  EXPECT_FALSE(forker_->Spawn(Shell("true")).ok());
}

}  // namespace
}  // namespace sallyport::supervisor

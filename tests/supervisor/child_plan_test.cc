#include "supervisor/child_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/status.h"

namespace sallyport::supervisor {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(ChildPlanTest, SurvivesTheWayToTheForker) {
  ChildPlan plan;
  plan.argv = {"printf", "%s", "", "--"};
  plan.candidates = {"/bin/printf", "/usr/bin/printf"};
  plan.environment = {"A=1", "B=two words\nand a line"};
  plan.workdir = "/tmp";
  plan.process_group = 4711;
  const auto arrived = ChildPlan::FromMessage(plan.ToMessage());
  ASSERT_TRUE(arrived.ok()) << arrived.status();
  EXPECT_EQ(arrived->argv, plan.argv);
  EXPECT_EQ(arrived->candidates, plan.candidates);
  EXPECT_EQ(arrived->environment, plan.environment);
  EXPECT_EQ(arrived->workdir, plan.workdir);
  EXPECT_EQ(arrived->process_group, plan.process_group);
}

TEST(ChildPlanTest, TheConfinementSurvivesTheWayToo) {
  ChildPlan plan;
  plan.argv = {"true"};
  Confinement& sent = plan.confinement.emplace();
  sent.paths = {{"/usr", PathAccess::kRead}, {"/tmp", PathAccess::kReadWrite}};
  sent.covered = {{"/etc/bundle", "/tmp/ours"}};
  sent.shown = {{"/home/u/.file", "several\nlines\n", 0640}};
  sent.resolv_conf = "nameserver 127.0.0.1\n";
  sent.become = {1000, 1001};
  sent.landlock_best_effort = true;
  sent.seccomp_program = std::string("\0\1\n,", 4);
  sent.only_connect_to = 3128;
  const auto arrived = ChildPlan::FromMessage(plan.ToMessage());
  ASSERT_TRUE(arrived.ok() && arrived->confinement.has_value()) << arrived.status();
  const Confinement& confinement = *arrived->confinement;
  ASSERT_EQ(confinement.paths.size(), 2u);
  EXPECT_EQ(confinement.paths[1].path, "/tmp");
  EXPECT_EQ(confinement.paths[1].access, PathAccess::kReadWrite);
  ASSERT_EQ(confinement.covered.size(), 1u);
  EXPECT_EQ(confinement.covered[0].target, "/etc/bundle");
  EXPECT_EQ(confinement.covered[0].source, "/tmp/ours");
  ASSERT_EQ(confinement.shown.size(), 1u);
  EXPECT_EQ(confinement.shown[0].path, "/home/u/.file");
  EXPECT_EQ(confinement.shown[0].contents, "several\nlines\n");
  EXPECT_EQ(confinement.shown[0].mode, 0640u);
  EXPECT_EQ(confinement.resolv_conf, sent.resolv_conf);
  EXPECT_EQ(confinement.become->user, 1000u);
  EXPECT_EQ(confinement.become->group, 1001u);
  EXPECT_TRUE(confinement.landlock_best_effort);
  EXPECT_EQ(confinement.seccomp_program, sent.seccomp_program);
  EXPECT_EQ(confinement.only_connect_to, 3128);

  ForkMessage cut = plan.ToMessage();
  cut.fields.pop_back();
  EXPECT_FALSE(ChildPlan::FromMessage(cut).ok());
}

TEST(ChildPlanTest, IncompleteMessagesAreNoPlan) {
  ChildPlan plan;
  plan.argv = {"true"};
  const ForkMessage whole = plan.ToMessage();
  for (size_t size = 0; size < whole.fields.size(); ++size) {
    ForkMessage cut = whole;
    cut.fields.resize(size);
    EXPECT_FALSE(ChildPlan::FromMessage(cut).ok()) << size;
  }
  ForkMessage long_list = whole;
  long_list.fields[2] = "1000000";
  EXPECT_FALSE(ChildPlan::FromMessage(long_list).ok());
  EXPECT_FALSE(ChildPlan::FromMessage({ForkMessage::Kind::kSignal, whole.fields}).ok());
}

TEST(ChildPlanTest, CommandsAreSearchedAsAShellDoes) {
  EXPECT_THAT(ExecutableCandidates("ls", "/usr/bin:/bin"), ElementsAre("/usr/bin/ls", "/bin/ls"));
  EXPECT_THAT(ExecutableCandidates("ls", "/usr/bin::/bin:"),
              ElementsAre("/usr/bin/ls", "./ls", "/bin/ls", "./ls"));
  EXPECT_THAT(ExecutableCandidates("./ls", "/usr/bin"), ElementsAre("./ls"));
  EXPECT_THAT(ExecutableCandidates("/x/ls", ""), ElementsAre("/x/ls"));
  EXPECT_THAT(ExecutableCandidates("", "/usr/bin"), IsEmpty());
}

}  // namespace
}  // namespace sallyport::supervisor

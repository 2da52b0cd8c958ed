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

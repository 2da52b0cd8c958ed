#include "supervisor/descendants.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

namespace sallyport::supervisor {
namespace {

TEST(DescendantsTest, ParentsAreFoundByTheKernelsWord) {
  EXPECT_EQ(ParentOf(getpid()), getppid());
  EXPECT_EQ(ParentOf(-5), 0);
  // A name that looks like the fields behind it.
  const pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_NAME, "x) S 1 (y", 0, 0, 0);
    _exit(ParentOf(getpid()) == getppid() ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(DescendantsTest, DescentIsFollowedToTheAncestor) {
  EXPECT_TRUE(IsDescendant(getpid(), getpid()));
  EXPECT_TRUE(IsDescendant(getpid(), getppid()));
  EXPECT_FALSE(IsDescendant(getppid(), getpid()));
}

TEST(DescendantsTest, EveryGenerationEnds) {
  // In a process of its own: it becomes a subreaper and ends all its children.
  EXPECT_EXIT(
      {
        prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
        int ready[2];
        if (pipe(ready) != 0) _exit(10);
        if (fork() == 0) {
          if (fork() == 0) {
            setsid();  // out of the group and the session
            signal(SIGTERM, SIG_IGN);
            if (fork() == 0) {
              (void)!write(ready[1], "x", 1);
              while (true) pause();
            }
            while (true) pause();
          }
          _exit(0);  // orphans the others
        }
        char byte = 0;
        if (read(ready[0], &byte, 1) != 1) _exit(11);
        if (EndDescendants(std::chrono::seconds(10)) != 0) _exit(12);
        _exit(waitpid(-1, nullptr, WNOHANG) < 0 && errno == ECHILD ? 0 : 13);
      },
      testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace sallyport::supervisor

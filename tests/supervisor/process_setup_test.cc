#include "supervisor/process_setup.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/status.h"

namespace sallyport::supervisor {
namespace {

TEST(ProcessSetupTest, BlockedSignalsAreRead) {
  auto signals = SignalReader::Block({SIGUSR2});
  ASSERT_TRUE(signals.ok()) << signals.status();
  EXPECT_EQ(signals->Next(), std::nullopt);
  kill(getpid(), SIGUSR2);
  pollfd readable = {signals->fd(), POLLIN, 0};
  EXPECT_EQ(poll(&readable, 1, 10'000), 1);
  const auto signal = signals->Next();
  ASSERT_TRUE(signal.has_value());
  EXPECT_EQ(signal->ssi_signo, static_cast<uint32_t>(SIGUSR2));
  EXPECT_EQ(signal->ssi_pid, static_cast<uint32_t>(getpid()));
  EXPECT_EQ(signals->Next(), std::nullopt);
}

TEST(ProcessSetupTest, ClosedStandardDescriptorsAreFilled) {
  EXPECT_EXIT(
      {
        // Whoever started the tests may have left it open.
        const bool third = fcntl(STDERR_FILENO + 1, F_GETFD) >= 0;
        close(STDIN_FILENO);
        close(STDOUT_FILENO);
        EnsureStandardDescriptors();
        const bool filled = write(STDOUT_FILENO, "x", 1) == 1;
        const bool no_more = (fcntl(STDERR_FILENO + 1, F_GETFD) >= 0) == third;
        _exit(filled && no_more ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

TEST(ProcessSetupTest, TheLimitOfOpenFilesIsRaised) {
  rlimit limit = {};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit lower = {limit.rlim_max / 2, limit.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &lower), 0);
  PrepareForConnections();
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_EQ(limit.rlim_cur, limit.rlim_max);
}

}  // namespace
}  // namespace sallyport::supervisor

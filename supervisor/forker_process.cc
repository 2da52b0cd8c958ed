#include "supervisor/forker_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <climits>
#include <optional>
#include <string>
#include <utility>

#include "base/unique_fd.h"
#include "supervisor/child_plan.h"
#include "supervisor/descendants.h"
#include "supervisor/spawn.h"

namespace sallyport::supervisor {
namespace {

// Long enough for any number of processes to die; only what cannot be killed is there after it.
constexpr std::chrono::seconds kEndLimit(5);

class ForkerProcess {
 public:
  explicit ForkerProcess(Channel channel) : channel_(std::move(channel)) {}

  [[noreturn]] void Run();

 private:
  void Isolate();
  void OnMessage();
  void StartCommand(const ForkMessage& message);
  void OnChildren();
  void OnCommandEnd(int wait_status);
  [[noreturn]] static void End();

  Channel channel_;
  UniqueFd child_signals_;
  sigset_t original_mask_ = {};
  pid_t command_ = -1;
};

void ForkerProcess::Run() {
  Isolate();
  while (true) {
    pollfd fds[] = {{channel_.fd(), POLLIN, 0}, {child_signals_.get(), POLLIN, 0}};
    if (poll(fds, std::size(fds), -1) < 0 && errno != EINTR) End();
    if (fds[0].revents != 0) OnMessage();
    if (fds[1].revents != 0) OnChildren();
  }
}

void ForkerProcess::Isolate() {
  prctl(PR_SET_NAME, "sallyport-fork", 0, 0, 0);
  // The secrets in the environment are the supervisor's to take; this copy of them must not stay.
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    explicit_bzero(*entry, strlen(*entry));
  }
  // Nothing the supervisor had open is this process's to hold. Kernels before 5.9 lack the call.
  const auto channel = static_cast<unsigned>(channel_.fd());
  if (channel > STDERR_FILENO + 1) {
    (void)syscall(SYS_close_range, STDERR_FILENO + 1, channel - 1, 0);
  }
  (void)syscall(SYS_close_range, channel + 1, UINT_MAX, 0);
  // Out of the terminal's reach: Ctrl-C and Ctrl-Z are for the command.
  setpgid(0, 0);
  prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &original_mask_);
  // An ignored SIGCHLD would have the kernel reap, and the exit status be lost. The command gets
  // the default too, which most programs take for granted.
  signal(SIGCHLD, SIG_DFL);
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  child_signals_.Reset(signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!child_signals_) End();
}

void ForkerProcess::OnMessage() {
  const absl::StatusOr<ForkMessage> message = channel_.Receive();
  // The supervisor has ended, one way or another.
  if (!message.ok()) End();
  if (message->kind == ForkMessage::Kind::kSpawn && command_ < 0) StartCommand(*message);
  if (message->kind == ForkMessage::Kind::kSignal && command_ > 0) {
    if (const std::optional<int> signal = FieldNumber(*message, 0); signal.has_value()) {
      kill(command_, *signal);
    }
  }
}

void ForkerProcess::StartCommand(const ForkMessage& message) {
  const absl::StatusOr<ChildPlan> plan = ChildPlan::FromMessage(message);
  if (!plan.ok()) End();
  const SpawnResult result = Spawn(*plan, original_mask_);
  if (result.pid < 0) {
    (void)channel_.Send(
        {ForkMessage::Kind::kSpawnFailed,
         {std::to_string(static_cast<int>(result.failed_step)), std::to_string(result.error)}});
    return;
  }
  command_ = result.pid;
  // Whoever reads the command's output, or writes its input, must not have to wait for this
  // process too.
  const UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) (void)dup2(null.get(), fd);
  (void)channel_.Send({ForkMessage::Kind::kSpawned, {std::to_string(command_)}});
}

void ForkerProcess::OnChildren() {
  signalfd_siginfo discarded;
  while (read(child_signals_.get(), &discarded, sizeof(discarded)) > 0) {
  }
  while (true) {
    int status = 0;
    const pid_t child = waitpid(-1, &status, WNOHANG | WUNTRACED);
    if (child < 0 && errno == EINTR) continue;
    if (child <= 0) return;
    if (child != command_) continue;  // an orphan of the command's
    if (WIFSTOPPED(status)) {
      (void)channel_.Send({ForkMessage::Kind::kStopped, {std::to_string(WSTOPSIG(status))}});
    } else {
      OnCommandEnd(status);
    }
  }
}

void ForkerProcess::OnCommandEnd(int wait_status) {
  command_ = -1;
  const int left = EndDescendants(kEndLimit);
  (void)channel_.Send(
      {ForkMessage::Kind::kExited, {std::to_string(wait_status), std::to_string(left)}});
}

void ForkerProcess::End() {
  EndDescendants(kEndLimit);
  _exit(0);
}

}  // namespace

void RunForkerProcess(Channel channel) { ForkerProcess(std::move(channel)).Run(); }

}  // namespace sallyport::supervisor

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
#include <cstdint>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>
#include <utility>

#include "base/status.h"
#include "base/unique_fd.h"
#include "supervisor/child_plan.h"
#include "supervisor/descendants.h"
#include "supervisor/isolation_setup.h"
#include "supervisor/landlock.h"
#include "supervisor/mount_view.h"
#include "supervisor/socket_broker.h"
#include "supervisor/spawn.h"

namespace sallyport::supervisor {
namespace {

// Long enough for any number of processes to die; only what cannot be killed is there after it.
constexpr std::chrono::seconds kEndLimit(5);

// The command's /proc may show this process, whose arguments are the supervisor's.
void WipeArguments() {
  // "PID (COMM) STATE …": where they are in memory are fields 48 and 49 (proc(5)), the 46th and
  // 47th after the name.
  std::ifstream stat("/proc/self/stat");
  const std::string text((std::istreambuf_iterator<char>(stat)), std::istreambuf_iterator<char>());
  const size_t name_end = text.rfind(')');
  if (name_end == text.npos) return;
  std::istringstream fields(text.substr(name_end + 1));
  std::string skipped;
  for (int field = 3; field < 48; ++field) fields >> skipped;
  uintptr_t begin = 0;
  uintptr_t end = 0;
  if (fields >> begin >> end && begin != 0 && end > begin) {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): the kernel tells addresses as numbers.
    explicit_bzero(reinterpret_cast<char*>(begin), end - begin);
  }
}

class ForkerProcess {
 public:
  explicit ForkerProcess(Channel channel) : channel_(std::move(channel)) {}

  [[noreturn]] void Run();

 private:
  void Isolate();
  void OnMessage();
  void MakeNamespaces(const ForkMessage& message);
  // What the process outside does while the first one inside runs the command.
  [[noreturn]] void OutliveFirstProcess(pid_t first);
  void ReleaseStandardStreams() const;
  absl::StatusOr<UniqueFd> PrepareConfinement(const Confinement& confinement);
  void StartCommand(const ForkMessage& message);
  void OnChildren();
  void OnCommandEnd(int wait_status);
  [[noreturn]] static void End();

  Channel channel_;
  UniqueFd child_signals_;
  sigset_t original_mask_ = {};
  pid_t command_ = -1;
  // Set in the first process of the command's namespaces.
  bool in_namespaces_ = false;
  bool own_process_ids_ = false;
  std::optional<SocketBroker> broker_;
};

void ForkerProcess::Run() {
  Isolate();
  while (true) {
    // A negative descriptor is passed over (poll(2)).
    pollfd fds[] = {{channel_.fd(), POLLIN, 0},
                    {child_signals_.get(), POLLIN, 0},
                    {broker_.has_value() ? broker_->fd() : -1, POLLIN, 0}};
    if (poll(fds, std::size(fds), -1) < 0 && errno != EINTR) End();
    if (fds[0].revents != 0) OnMessage();
    if (fds[1].revents != 0) OnChildren();
    if ((fds[2].revents & POLLIN) != 0) {
      broker_->Answer();
    } else if (fds[2].revents != 0) {
      broker_.reset();  // nobody is left to ask
    }
  }
}

void ForkerProcess::Isolate() {
  prctl(PR_SET_NAME, "sallyport-fork", 0, 0, 0);
  // The secrets in the environment are the supervisor's to take; this copy of them must not stay.
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    explicit_bzero(*entry, strlen(*entry));
  }
  WipeArguments();
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
  if (message->kind == ForkMessage::Kind::kIsolate && !in_namespaces_) MakeNamespaces(*message);
  if (message->kind == ForkMessage::Kind::kSpawn && command_ < 0) StartCommand(*message);
  if (message->kind == ForkMessage::Kind::kSignal && command_ > 0) {
    if (const std::optional<int> signal = FieldNumber(*message, 0); signal.has_value()) {
      kill(command_, *signal);
    }
  }
}

void ForkerProcess::MakeNamespaces(const ForkMessage& message) {
  const auto fail = [this](const absl::Status& status) {
    (void)channel_.Send({ForkMessage::Kind::kIsolateFailed, {std::string(Message(status))}});
  };
  const absl::StatusOr<IsolationRequest> request = IsolationRequest::FromMessage(message);
  if (!request.ok()) return fail(request.status());
  absl::StatusOr<IsolationResult> result = EnterIsolation(*request);
  if (!result.ok()) return fail(result.status());
  const absl::StatusOr<pid_t> first =
      ForkFirstProcess(request->process_group, &result->own_process_ids);
  if (!first.ok()) return fail(first.status());
  if (*first > 0) {
    result->sockets.clear();
    result->socket_table.Reset();
    OutliveFirstProcess(*first);
  }
  result->first_process = getpid();
  if (result->own_process_ids) {
    result->processes.Reset(open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  in_namespaces_ = true;
  own_process_ids_ = result->own_process_ids;
  prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  if (!result->Send(&channel_).ok()) End();
}

void ForkerProcess::OutliveFirstProcess(pid_t first) {
  ReleaseStandardStreams();
  // The supervisor must hear of the first process's end.
  { const Channel closing = std::move(channel_); }
  while (true) {
    const pid_t ended = waitpid(-1, nullptr, 0);
    if (ended == first || (ended < 0 && errno != EINTR)) break;
  }
  End();
}

absl::StatusOr<UniqueFd> ForkerProcess::PrepareConfinement(const Confinement& confinement) {
  LandlockRules rules = {confinement.paths, confinement.only_connect_to};
  if (in_namespaces_) {
    RETURN_IF_ERROR(EnterMountView({.paths = confinement.paths,
                                    .covered = confinement.covered,
                                    .shown = confinement.shown,
                                    .owner = confinement.become,
                                    .kept = confinement.kept,
                                    .hidden = confinement.hidden,
                                    .resolv_conf = confinement.resolv_conf,
                                    .own_process_ids = own_process_ids_}));
    for (const ShownFile& file : confinement.shown) {
      rules.paths.push_back({file.path, PathAccess::kReadWrite});
    }
    // There is nothing in the view but what the command may use.
    rules.paths.push_back({"/", PathAccess::kList});
  }
  if (confinement.landlock_best_effort && in_namespaces_ && LandlockAbi() == 0) return UniqueFd();
  const std::vector<PathRule> devices = BasicDevices();
  rules.paths.insert(rules.paths.end(), devices.begin(), devices.end());
  return MakeLandlockRuleset(rules);
}

void ForkerProcess::ReleaseStandardStreams() const {
  // Whoever reads the command's output, or writes its input, must not have to wait for this
  // process too.
  const UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) (void)dup2(null.get(), fd);
}

void ForkerProcess::StartCommand(const ForkMessage& message) {
  const absl::StatusOr<ChildPlan> plan = ChildPlan::FromMessage(message);
  if (!plan.ok()) End();
  UniqueFd ruleset;
  if (plan->confinement.has_value()) {
    absl::StatusOr<UniqueFd> prepared = PrepareConfinement(*plan->confinement);
    if (!prepared.ok()) {
      (void)channel_.Send({ForkMessage::Kind::kSpawnFailed,
                           {std::to_string(static_cast<int>(SpawnStep::kView)), "0",
                            std::string(Message(prepared.status()))}});
      return;
    }
    ruleset = *std::move(prepared);
  }
  SpawnResult result = Spawn(*plan, ruleset.get(), original_mask_);
  if (result.pid < 0) {
    (void)channel_.Send(
        {ForkMessage::Kind::kSpawnFailed,
         {std::to_string(static_cast<int>(result.failed_step)), std::to_string(result.error)}});
    return;
  }
  command_ = result.pid;
  if (result.socket_requests) broker_.emplace(std::move(result.socket_requests));
  // The group that the command started in may be the terminal's.
  if (in_namespaces_) (void)setpgid(0, 0);
  ReleaseStandardStreams();
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

#include "supervisor/run.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>
#include <variant>

#include "base/file.h"
#include "base/log.h"
#include "base/status.h"
#include "supervisor/child_plan.h"
#include "supervisor/descendants.h"
#include "supervisor/diagnostics.h"
#include "supervisor/environment.h"
#include "supervisor/forker.h"
#include "supervisor/java_files.h"
#include "supervisor/job_control.h"
#include "supervisor/process_setup.h"
#include "supervisor/server_access.h"

namespace sallyport::supervisor {
namespace {

// Where commands are looked for when PATH is not set; the default of most shells.
constexpr const char* kDefaultPath = "/usr/local/bin:/usr/bin:/bin";

// The working directory as the user names it: $PWD where that is right, for a path through a
// symbolic link would otherwise change its name.
absl::StatusOr<std::string> ResolveWorkdir(const std::string& option) {
  std::error_code error;
  const std::filesystem::path absolute =
      std::filesystem::absolute(option.empty() ? "." : option, error);
  struct stat wanted = {};
  if (error || stat(absolute.c_str(), &wanted) != 0) {
    return ErrnoStatus(error ? error.value() : errno,
                       fmt::format("cannot use the working directory {}",
                                   option.empty() ? "(the current one)" : option));
  }
  if (!S_ISDIR(wanted.st_mode)) {
    return absl::InvalidArgumentError(
        fmt::format("cannot use the working directory {}: it is not a directory", option));
  }
  const char* logical = getenv("PWD");
  struct stat named = {};
  if (option.empty() && logical != nullptr && *logical == '/' && stat(logical, &named) == 0 &&
      named.st_dev == wanted.st_dev && named.st_ino == wanted.st_ino) {
    return logical;
  }
  return absolute.lexically_normal().string();
}

// The proxy, and everything on disk that its clients need; all of it goes when this does.
class Session {
 public:
  // `forker` outlives this.
  Session(RunOptions options, Forker* forker) : options_(std::move(options)), forker_(forker) {}
  ~Session() {
    if (ready_file_written_) unlink(options_.ready_file.c_str());
  }

  // Up to the point where only the command is missing.
  absl::Status Prepare();
  // Starts the command and waits for its end; returns the exit status.
  int RunCommand();

 private:
  ChildPlan MakePlan() const;
  // The status to exit with at once if a signal came while there was no command to get it.
  std::optional<int> PendingEnd();
  int ReportSpawnFailure(const Forker::SpawnFailure& failure, const ChildPlan& plan) const;
  int WaitForCommand();
  void ForwardSignals();
  void ReleaseStandardStreams() const;

  RunOptions options_;
  Forker* const forker_;
  const JobControl job_control_;
  std::string workdir_;
  std::optional<SignalReader> signals_;
  std::unique_ptr<proxy::Server> server_;
  std::optional<JavaFiles> java_files_;  // in the server's folder, so it goes first
  ProxyAccess access_;
  bool ready_file_written_ = false;
};

absl::Status Session::Prepare() {
  ASSIGN_OR_RETURN(workdir_, ResolveWorkdir(options_.workdir));
  PrepareForConnections();
  ASSIGN_OR_RETURN(signals_, SignalReader::Block({SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1,
                                                  SIGUSR2, SIGWINCH, SIGTSTP, SIGTTIN, SIGTTOU}));
  // The child's own listener, on a port that nobody else knows of.
  options_.server.listen = {{*IpAddress::Parse("127.0.0.1"), 0, ""}};
  ASSIGN_OR_RETURN(server_, proxy::Server::Start(options_.server));
  const std::optional<ClientAddress> address = FindClientAddress(server_->listen_addresses());
  if (!address.has_value()) return absl::InternalError("the proxy listens nowhere");
  const bool keep = !options_.server.ca_dir.empty();
  ASSIGN_OR_RETURN(
      JavaFiles java_files,
      JavaFiles::Write(server_->ca_bundle_file(), address->host, address->port,
                       keep ? JavaFiles::Lifetime::kKeep : JavaFiles::Lifetime::kRemoveAtEnd));
  java_files_.emplace(std::move(java_files));
  access_ = MakeProxyAccess(*server_, *address);
  access_.java_tool_options = java_files_->inline_options();
  if (options_.ready_file.empty()) return absl::OkStatus();
  const absl::Status written =
      WriteFileAtomically(options_.ready_file, ReadyFileText(*server_), 0644);
  if (!written.ok()) {
    return absl::Status(written.code(), fmt::format("--ready-file: {}", Message(written)));
  }
  ready_file_written_ = true;
  return absl::OkStatus();
}

ChildPlan Session::MakePlan() const {
  // Only now: the variables that rules name have been taken away.
  const Environment environment =
      ChildEnvironment(HostEnvironment(), access_, options_.env, workdir_);
  const auto path = environment.find("PATH");
  ChildPlan plan;
  plan.argv = options_.command;
  plan.candidates = ExecutableCandidates(options_.command[0],
                                         path == environment.end() ? kDefaultPath : path->second);
  plan.environment = ToStrings(environment);
  plan.workdir = workdir_;
  plan.process_group = job_control_.ChildGroup();
  return plan;
}

int Session::RunCommand() {
  const ChildPlan plan = MakePlan();
  if (const std::optional<int> status = PendingEnd(); status.has_value()) return *status;
  const auto failure = forker_->Spawn(plan);
  if (!failure.ok()) {
    PrintFailure(Message(failure.status()));
    return kExitFailed;
  }
  if (failure->has_value()) return ReportSpawnFailure(**failure, plan);
  ReleaseStandardStreams();
  return WaitForCommand();
}

std::optional<int> Session::PendingEnd() {
  std::optional<int> status;
  while (const auto signal = signals_->Next()) {
    const int number = static_cast<int>(signal->ssi_signo);
    if (number == SIGINT || number == SIGTERM || number == SIGHUP || number == SIGQUIT) {
      status = 128 + number;
    }
  }
  return status;
}

int Session::ReportSpawnFailure(const Forker::SpawnFailure& failure, const ChildPlan& plan) const {
  const std::string& command = plan.argv[0];
  switch (failure.step) {
    case SpawnStep::kFork:
    case SpawnStep::kProcessGroup:
      PrintFailure(fmt::format("cannot start a process: {}", std::strerror(failure.error)));
      return kExitFailed;
    case SpawnStep::kWorkdir:
      PrintFailure(fmt::format("cannot use the working directory {}: {}", plan.workdir,
                               std::strerror(failure.error)));
      return kExitFailed;
    case SpawnStep::kExec:
      break;
  }
  if (failure.error != ENOENT) {
    PrintFailure(fmt::format("cannot execute {}: {}", command, std::strerror(failure.error)));
    return kExitNotExecutable;
  }
  for (const std::string& candidate : plan.candidates) {
    const std::filesystem::path file = std::filesystem::path(plan.workdir) / candidate;
    if (access(file.c_str(), F_OK) != 0) continue;
    PrintFailure(
        fmt::format("cannot execute {}: the interpreter it names does not exist", command));
    return kExitNotExecutable;
  }
  PrintFailure(fmt::format("{}: command not found", command));
  return kExitNotFound;
}

void Session::ReleaseStandardStreams() const {
  // A reader of the command's output sees its end when the command closes it, and so with a writer
  // of its input. The audit log may be meant for standard output.
  const UniqueFd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null) return;
  (void)dup2(null.get(), STDIN_FILENO);
  if (options_.server.audit_log != "-") (void)dup2(null.get(), STDOUT_FILENO);
}

int Session::WaitForCommand() {
  while (true) {
    pollfd fds[] = {{signals_->fd(), POLLIN, 0}, {forker_->fd(), POLLIN, 0}};
    if (poll(fds, std::size(fds), -1) < 0) continue;
    if (fds[0].revents != 0) ForwardSignals();
    if (fds[1].revents == 0) continue;
    const absl::StatusOr<Forker::Event> event = forker_->NextEvent();
    if (!event.ok()) {
      PrintFailure(fmt::format("lost the command: {}", Message(event.status())));
      return kExitFailed;
    }
    if (const auto* stopped = std::get_if<Forker::Stopped>(&*event); stopped != nullptr) {
      if (job_control_.OnChildStopped(stopped->signal)) forker_->Signal(SIGCONT);
      continue;
    }
    const auto& exited = std::get<Forker::Exited>(*event);
    if (exited.left_behind > 0) {
      log::Warn("run", "processes that the command left behind could not be ended",
                {{"count", exited.left_behind}});
    }
    return WIFSIGNALED(exited.wait_status) ? 128 + WTERMSIG(exited.wait_status)
                                           : WEXITSTATUS(exited.wait_status);
  }
}

void Session::ForwardSignals() {
  while (const auto signal = signals_->Next()) {
    // The terminal's own (Ctrl-C, a new window size) have reached the child, whose group it is too.
    if (signal->ssi_code > 0) continue;
    // So have those that the command sends to its whole group; sending them back would not end.
    if (IsDescendant(static_cast<pid_t>(signal->ssi_pid), forker_->pid())) continue;
    forker_->Signal(static_cast<int>(signal->ssi_signo));
  }
}

}  // namespace

int Run(RunOptions options) {
  absl::StatusOr<Forker> forker = Forker::Start();
  if (!forker.ok()) {
    PrintFailure(Message(forker.status()));
    return kExitFailed;
  }
  Session session(std::move(options), &*forker);
  if (const absl::Status status = session.Prepare(); !status.ok()) {
    PrintFailure(Message(status));
    return kExitFailed;
  }
  return session.RunCommand();
}

}  // namespace sallyport::supervisor

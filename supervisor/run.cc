#include "supervisor/run.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
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
#include "rules/policy.h"
#include "supervisor/captured_ports.h"
#include "supervisor/child_plan.h"
#include "supervisor/descendants.h"
#include "supervisor/diagnostics.h"
#include "supervisor/environment.h"
#include "supervisor/forker.h"
#include "supervisor/isolation.h"
#include "supervisor/java_files.h"
#include "supervisor/job_control.h"
#include "supervisor/privileges.h"
#include "supervisor/process_setup.h"
#include "supervisor/provided_files.h"
#include "supervisor/sandbox_paths.h"
#include "supervisor/seccomp_program.h"
#include "supervisor/server_access.h"
#include "supervisor/socket_owner_finder.h"
#include "supervisor/socket_table.h"

namespace sallyport::supervisor {
namespace {

// Where commands are looked for when PATH is not set; the default of most shells.
constexpr const char* kDefaultPath = "/usr/local/bin:/usr/bin:/bin";

// Where Debian's Java keeps the roots it trusts without being told of others.
constexpr const char* kJavaRoots = "/etc/ssl/certs/java/cacerts";
// Any address would do, all of them being answered; this is where resolvers ask without a file.
constexpr const char* kResolvConf = "nameserver 127.0.0.1\n";

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

// What goes for the command from its start. Without a policy, that of the restrictive default.
const rules::SpawnPolicy& SpawnPolicyOf(const RunOptions& options) {
  static const std::shared_ptr<const rules::Policy> restrictive = rules::RestrictivePolicy();
  return options.server.policy != nullptr ? options.server.policy->spawn : restrictive->spawn;
}

std::string_view ConfinementStep(SpawnStep step) {
  if (step == SpawnStep::kPrivileges) return "dropping privileges";
  return step == SpawnStep::kLandlock ? "Landlock" : "seccomp";
}

// Whether what the plan runs is there for this process, which is not confined, with access(2)'s
// `mode`.
bool ExistsOutside(const ChildPlan& plan, int mode) {
  return std::ranges::any_of(plan.candidates, [&](const std::string& candidate) {
    return access((std::filesystem::path(plan.workdir) / candidate).c_str(), mode) == 0;
  });
}

// The proxy, and everything on disk that its clients need; all of it goes when this does.
class Session {
 public:
  // `forker` outlives this.
  Session(RunOptions options, const JobControl& job_control, IsolatedForker* forker)
      : options_(std::move(options)),
        job_control_(job_control),
        mode_(forker->mode),
        isolation_(std::move(forker->result)),
        forker_(&forker->forker) {}
  ~Session() {
    if (ready_file_written_) unlink(options_.ready_file.c_str());
  }

  // Up to the point where only the command is missing.
  absl::Status Prepare();
  // Starts the command and waits for its end; returns the exit status.
  int RunCommand();

 private:
  absl::StatusOr<SandboxAccess> MakeAccess();
  absl::StatusOr<ChildPlan> MakePlan();
  // Adds to the plan what the attached providers' programs look for.
  absl::Status ProvideFiles(Environment* environment, ChildPlan* plan);
  absl::StatusOr<Confinement> MakeConfinement() const;
  absl::Status NoteCaKey(const std::string& file) const;
  // The command must neither steer what confines it nor find a secret in a file.
  absl::Status KeepFollowedFiles(Confinement* confinement) const;
  // The status to exit with at once if a signal came while there was no command to get it.
  std::optional<int> PendingEnd();
  int ReportSpawnFailure(const Forker::SpawnFailure& failure, const ChildPlan& plan) const;
  int WaitForCommand();
  void ForwardSignals();
  void ReleaseStandardStreams() const;

  RunOptions options_;
  const JobControl& job_control_;
  const Isolation mode_;
  IsolationResult isolation_;
  Forker* const forker_;
  std::string workdir_;
  std::optional<SignalReader> signals_;
  std::unique_ptr<proxy::Server> server_;
  std::optional<JavaFiles> java_files_;  // in the server's folder, so it goes first
  ProxyAccess access_;
  WrittenFiles written_files_;
  bool ready_file_written_ = false;
};

absl::Status Session::Prepare() {
  ASSIGN_OR_RETURN(workdir_, ResolveWorkdir(options_.workdir));
  PrepareForConnections();
  ASSIGN_OR_RETURN(signals_, SignalReader::Block({SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1,
                                                  SIGUSR2, SIGWINCH, SIGTSTP, SIGTTIN, SIGTTOU}));
  if (mode_ == Isolation::kNetns) {
    options_.server.inherited =
        std::make_shared<std::vector<proxy::InheritedSocket>>(std::move(isolation_.sockets));
  } else {
    // The child's own listener, on a port that nobody else knows of.
    options_.server.listen = {{*IpAddress::Parse("127.0.0.1"), 0, ""}};
  }
  ASSIGN_OR_RETURN(SandboxAccess access, MakeAccess());
  options_.server.processes = std::make_shared<SocketOwnerFinder>(std::move(access));
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

// Whoever asks, the network and the processes are those of the sandbox.
absl::StatusOr<SandboxAccess> Session::MakeAccess() {
  SandboxAccess access;
  if (mode_ == Isolation::kNetns) {
    access.sockets = std::move(isolation_.socket_table);
    access.root = isolation_.first_process;
    access.proc = std::move(isolation_.processes);
    if (isolation_.own_process_ids) return access;
  } else {
    if (auto table = SocketTable::Open(); table.ok()) access.sockets = *std::move(table);
    access.root = forker_->pid();
    access.paths.Reset(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!access.paths) return ErrnoStatus(errno, "cannot open /");
  }
  access.proc.Reset(open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!access.proc) return ErrnoStatus(errno, "cannot open /proc");
  return access;
}

absl::StatusOr<ChildPlan> Session::MakePlan() {
  // Only now: the variables that rules name have been taken away.
  Environment environment = ChildEnvironment(HostEnvironment(), access_, options_.env, workdir_);
  ChildPlan plan;
  if (mode_ != Isolation::kNone) {
    ASSIGN_OR_RETURN(plan.confinement, MakeConfinement());
  }
  RETURN_IF_ERROR(ProvideFiles(&environment, &plan));
  const auto path = environment.find("PATH");
  plan.argv = options_.command;
  plan.candidates = ExecutableCandidates(options_.command[0],
                                         path == environment.end() ? kDefaultPath : path->second);
  plan.environment = ToStrings(environment);
  plan.workdir = workdir_;
  plan.process_group = job_control_.ChildGroup();
  // In a network namespace the group was joined when that was made.
  if (mode_ == Isolation::kNetns && plan.process_group != 0) {
    plan.process_group = ChildPlan::kKeepGroup;
  }
  return plan;
}

absl::Status Session::ProvideFiles(Environment* environment, ChildPlan* plan) {
  std::optional<Confinement>& confinement = plan->confinement;
  const auto home = environment->find("HOME");
  ASSIGN_OR_RETURN(
      ProvidedFilePlan files,
      PlaceProvidedFiles(server_->ProvidedFiles(),
                         home == environment->end() ? std::string() : home->second,
                         mode_ == Isolation::kNetns ? &confinement->paths : nullptr,
                         confinement.has_value() ? confinement->become : std::nullopt));
  // What --env says of one of these variables stands.
  environment->merge(files.variables);
  written_files_ = std::move(files.written);
  if (!confinement.has_value()) return absl::OkStatus();
  confinement->shown = std::move(files.shown);
  confinement->paths.insert(confinement->paths.end(), files.paths.begin(), files.paths.end());
  return absl::OkStatus();
}

absl::StatusOr<Confinement> Session::MakeConfinement() const {
  Confinement confinement;
  const rules::SpawnPolicy& policy = SpawnPolicyOf(options_);
  confinement.paths = PathsOf(policy.filesystem, workdir_);
  confinement.landlock_best_effort = policy.landlock == rules::LandlockCompatibility::kBestEffort;
  ASSIGN_OR_RETURN(confinement.become, UserOf(policy.process));
  const std::string& bundle = server_->ca_bundle_file();
  if (confinement.become.has_value() && options_.server.ca_dir.empty()) {
    // Ours alone so far; there is nothing secret in it.
    (void)chmod(std::filesystem::path(bundle).parent_path().c_str(), 0711);
  }
  const std::filesystem::path ca_folder = std::filesystem::path(bundle).parent_path();
  if (options_.server.ca_persist) {
    // Beside the CA's key; each file by itself.
    for (const std::string& file :
         {bundle, server_->ca_file(), java_files_->trust_store(), java_files_->options_file()}) {
      confinement.paths.push_back({file, PathAccess::kRead});
    }
    RETURN_IF_ERROR(NoteCaKey(ca_folder / "ca.key"));
  } else {
    confinement.paths.push_back({ca_folder.string(), PathAccess::kRead});
  }
  for (std::string& target : SystemCaBundles()) {
    confinement.covered.push_back({std::move(target), bundle});
  }
  confinement.covered.push_back({kJavaRoots, java_files_->trust_store()});
  if (const auto& admin = options_.server.admin; admin.has_value() && !admin->unix_path.empty()) {
    // A path is all that connecting to it takes, where the command sees its folder.
    confinement.covered.push_back({std::filesystem::absolute(admin->unix_path), bundle});
  }
  RETURN_IF_ERROR(KeepFollowedFiles(&confinement));
  confinement.resolv_conf = kResolvConf;
  const bool own_network = mode_ == Isolation::kNetns;
  ASSIGN_OR_RETURN(
      confinement.seccomp_program,
      MakeSeccompProgram(own_network ? SocketPolicy::kFamilies : SocketPolicy::kBrokeredTcp));
  if (!own_network) confinement.only_connect_to = access_.port;
  return confinement;
}

absl::Status Session::NoteCaKey(const std::string& file) const {
  struct stat info = {};
  if (stat(file.c_str(), &info) != 0)
    return ErrnoStatus(errno, fmt::format("cannot read {}", file));
  return options_.server.files->Admit(file, info, FollowedFiles::Use::kIsSecret);
}

absl::Status Session::KeepFollowedFiles(Confinement* confinement) const {
  FollowedFiles::Reach reach;
  for (const PathRule& rule : confinement->paths) {
    (rule.access == PathAccess::kReadWrite ? reach.writable : reach.readable).push_back(rule.path);
  }
  const bool has_view = mode_ == Isolation::kNetns;
  FollowedFiles::Exposed exposed = options_.server.files->Seal(
      reach, has_view ? FollowedFiles::Keeping::kByMounts : FollowedFiles::Keeping::kNone);
  if (has_view) {
    confinement->kept = std::move(exposed.steering);
    confinement->hidden = std::move(exposed.secret);
    return absl::OkStatus();
  }
  if (!exposed.secret.empty()) {
    return absl::FailedPreconditionError(
        fmt::format("the command could read {}, which holds a secret: keep it where the policy's "
                    "filesystem_policy does not lead, or use --isolation netns, which can hide it",
                    exposed.secret.front()));
  }
  for (const std::string& path : exposed.steering) {
    log::Warn("run",
              "the command can write to this file, which is therefore not used again as long as it "
              "runs; keep it elsewhere if changes are to be followed",
              {{"file", path}});
  }
  return absl::OkStatus();
}

int Session::RunCommand() {
  const absl::StatusOr<ChildPlan> made = MakePlan();
  if (!made.ok()) {
    PrintFailure(Message(made.status()));
    return kExitFailed;
  }
  const ChildPlan& plan = *made;
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
    case SpawnStep::kView:
      PrintFailure(failure.detail);
      return kExitFailed;
    case SpawnStep::kPrivileges:
    case SpawnStep::kLandlock:
    case SpawnStep::kSeccomp:
      PrintFailure(fmt::format("cannot confine the command ({}): {}", ConfinementStep(failure.step),
                               std::strerror(failure.error)));
      return kExitFailed;
    case SpawnStep::kWorkdir:
      PrintFailure(fmt::format("cannot use the working directory {}: {}", plan.workdir,
                               std::strerror(failure.error)));
      return kExitFailed;
    case SpawnStep::kExec:
      break;
  }
  if (failure.error == ENOENT && !ExistsOutside(plan, F_OK)) {
    PrintFailure(fmt::format("{}: command not found", command));
    return kExitNotFound;
  }
  std::string reason = std::strerror(failure.error);
  if (failure.error == ELIBACC) {
    reason = "the interpreter it names does not exist";
    if (plan.confinement.has_value()) reason += ", or the policy leaves it out";
  } else if (failure.error == ENOENT || (failure.error == EACCES && plan.confinement.has_value() &&
                                         ExistsOutside(plan, X_OK))) {
    reason = "the policy's filesystem_policy does not include it";
  }
  PrintFailure(fmt::format("cannot execute {}: {}", command, reason));
  return kExitNotExecutable;
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
  const JobControl job_control;
  absl::StatusOr<IsolatedForker> forker =
      StartIsolated(options.isolation, {CapturedPorts(options.server), job_control.ChildGroup()},
                    SpawnPolicyOf(options).landlock);
  if (!forker.ok()) {
    PrintFailure(Message(forker.status()));
    return kExitFailed;
  }
  Session session(std::move(options), job_control, &*forker);
  if (const absl::Status status = session.Prepare(); !status.ok()) {
    PrintFailure(Message(status));
    return kExitFailed;
  }
  return session.RunCommand();
}

}  // namespace sallyport::supervisor

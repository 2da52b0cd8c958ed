#include "gateway-client/command_run.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <span>
#include <utility>

#include "base/status.h"
#include "gateway-client/environment_source.h"
#include "gateway-client/source.h"

namespace sallyport::sources {
namespace {

constexpr std::chrono::seconds kLimit(30);
// The longest value, its newline, and one byte that shows there was more.
constexpr size_t kOutputSize = kMaxValueSize + 3;
// As much of standard error as one log line should hold.
constexpr size_t kErrorSize = 1024;

// Where the command runs, whatever this process's working directory is: that may be the confined
// program's to write, and interpreters look there for modules.
constexpr const char* kWorkingDirectory = "/";

struct Pipe {
  UniqueFd read_end;
  UniqueFd write_end;
};

absl::StatusOr<Pipe> MakePipe() {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) return ErrnoStatus(errno, "cannot make a pipe");
  Pipe made{UniqueFd(fds[0]), UniqueFd(fds[1])};
  // Ours only: the command's end stays an ordinary, blocking one.
  if (fcntl(fds[0], F_SETFL, O_NONBLOCK) != 0) return ErrnoStatus(errno, "cannot set up a pipe");
  return made;
}

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (const std::string& text : strings) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// posix_spawn(3) with this module's choices; returns errno's value.
int Spawn(const std::string& program, const std::vector<std::string>& argv, int output, int errors,
          pid_t* pid) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO);
  posix_spawn_file_actions_addchdir_np(&actions, kWorkingDirectory);
  posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);

  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);

  std::vector<std::string> environment = RemainingEnvironment();
  const int error = posix_spawn(pid, program.c_str(), &actions, &attributes, Pointers(argv).data(),
                                Pointers(environment).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

// The program that `name` stands for, as execvp(3) would find it in the working directory above; an
// absolute path. Empty: there is none.
std::string FindProgram(const std::string& name) {
  const auto absolute = [](std::string_view path) {
    return fmt::format("{}{}", path.starts_with('/') ? "" : kWorkingDirectory, path);
  };
  if (name.find('/') != name.npos) return absolute(name);
  const char* path = getenv("PATH");
  std::string_view folders = path == nullptr ? "/bin:/usr/bin" : path;
  while (true) {
    const size_t end = std::min(folders.find(':'), folders.size());
    std::string program = absolute(fmt::format("{}/{}", folders.substr(0, end), name));
    if (access(program.c_str(), X_OK) == 0) return program;
    if (end == folders.size()) return {};
    folders.remove_prefix(end + 1);
  }
}

// The program, and each argument that names a file, as "/path" or "--option=/path": scripts of
// interpreters, configurations.
absl::Status Admit(const std::string& program, std::span<const std::string> arguments,
                   FollowedFiles* files) {
  const auto admit = [files](const std::string& file) {
    struct stat info = {};
    if (!file.starts_with('/') || stat(file.c_str(), &info) != 0) return absl::OkStatus();
    return files->Admit(file, info);
  };
  RETURN_IF_ERROR(admit(program));
  for (const std::string& argument : arguments) {
    RETURN_IF_ERROR(admit(argument));
    const size_t equals = argument.find('=');
    if (equals != argument.npos) RETURN_IF_ERROR(admit(argument.substr(equals + 1)));
  }
  return absl::OkStatus();
}

// Text from a command, fit for one line of a log.
std::string OneLine(std::string_view text) {
  std::string line(WithoutFinalNewline(text));
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7F) c = ' ';
  }
  return line;
}

}  // namespace

absl::StatusOr<std::unique_ptr<CommandRun>> CommandRun::Start(const std::vector<std::string>& argv,
                                                              FollowedFiles* files,
                                                              SteadyTime now) {
  if (argv.empty()) return absl::InvalidArgumentError("the command is empty");
  const std::string program = FindProgram(argv[0]);
  const absl::Status admitted = Admit(program, std::span(argv).subspan(1), files);
  if (!admitted.ok()) {
    return absl::Status(admitted.code(),
                        fmt::format("command {} is not run: {}", argv[0], Message(admitted)));
  }
  std::unique_ptr<CommandRun> run(new CommandRun(fmt::format("command {}", argv[0]), now + kLimit));
  ASSIGN_OR_RETURN(Pipe output, MakePipe());
  ASSIGN_OR_RETURN(Pipe errors, MakePipe());
  const int error = program.empty() ? ENOENT
                                    : Spawn(program, argv, output.write_end.get(),
                                            errors.write_end.get(), &run->pid_);
  if (error != 0) {
    run->pid_ = -1;
    return ErrnoStatus(error, fmt::format("{} cannot be started", run->name_));
  }
  run->output_ = std::move(output.read_end);
  run->errors_ = std::move(errors.read_end);
  // By number: the header of glibc 2.36 does not declare pidfd_open(2) for C++.
  run->pidfd_.Reset(static_cast<int>(syscall(SYS_pidfd_open, run->pid_, 0)));
  if (!run->pidfd_) {
    return ErrnoStatus(errno, fmt::format("{} cannot be waited for", run->name_));
  }
  return run;
}

CommandRun::CommandRun(std::string name, SteadyTime deadline)
    : name_(std::move(name)),
      deadline_(deadline),
      output_bytes_(SecretString::OfSize(kOutputSize)) {}

CommandRun::~CommandRun() {
  if (pid_ > 0) {
    kill(-pid_, SIGKILL);
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
}

void CommandRun::AddPollFds(std::vector<pollfd>* fds) const {
  for (const UniqueFd* fd : {&pidfd_, &output_, &errors_}) {
    if (*fd) fds->push_back({fd->get(), POLLIN, 0});
  }
}

bool CommandRun::Advance(SteadyTime now) {
  if (pid_ < 0) return true;
  Collect();
  pollfd ended = {pidfd_.get(), POLLIN, 0};
  const bool exited = poll(&ended, 1, 0) > 0;
  if (!exited && now < deadline_) return false;
  timed_out_ = !exited;
  // What it left behind goes too. Before it is reaped, so that its group's number is still its own.
  kill(-pid_, SIGKILL);
  while (waitpid(pid_, &wait_status_, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  pidfd_.Reset();
  Collect();  // what it wrote between the first look and its end
  output_.Reset();
  errors_.Reset();
  return true;
}

void CommandRun::Collect() {
  // A command that writes without end must not keep this thread: the pipe's own size is the most
  // that is taken in one turn.
  constexpr size_t kTurn = size_t{64} * 1024;
  char discarded[4096];
  for (size_t taken = 0; output_ && taken < kTurn;) {
    const size_t room = kOutputSize - output_size_;
    const ssize_t size =
        read(output_.get(), room > 0 ? output_bytes_.mutable_bytes() + output_size_ : discarded,
             room > 0 ? room : sizeof(discarded));
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) break;
    if (size == 0) output_.Reset();
    if (room > 0) output_size_ += static_cast<size_t>(size);
    taken += static_cast<size_t>(size);
  }
  explicit_bzero(discarded, sizeof(discarded));
  for (size_t taken = 0; errors_ && taken < kTurn;) {
    const ssize_t size = read(errors_.get(), discarded, sizeof(discarded));
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) break;
    if (size == 0) errors_.Reset();
    const size_t room = kErrorSize - error_text_.size();
    error_text_.append(discarded, std::min(room, static_cast<size_t>(size)));
    taken += static_cast<size_t>(size);
  }
}

absl::StatusOr<SecretString> CommandRun::TakeOutput() {
  std::string why;
  if (timed_out_) {
    why = fmt::format("did not end within {} s and was killed", kLimit.count());
  } else if (WIFSIGNALED(wait_status_)) {
    why = fmt::format("was ended by signal {}", WTERMSIG(wait_status_));
  } else if (WEXITSTATUS(wait_status_) != 0) {
    why = fmt::format("exited with status {}", WEXITSTATUS(wait_status_));
  }
  if (!why.empty()) {
    if (!error_text_.empty()) why += fmt::format(" and said: {}", OneLine(error_text_));
    return absl::UnavailableError(fmt::format("{} {}", name_, why));
  }
  return SecretString(WithoutFinalNewline(output_bytes_.Reveal().substr(0, output_size_)));
}

}  // namespace sallyport::sources

#ifndef SALLYPORT_GATEWAY_CLIENT_COMMAND_RUN_H_
#define SALLYPORT_GATEWAY_CLIENT_COMMAND_RUN_H_

#include <poll.h>
#include <sys/types.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/followed_files.h"
#include "base/secret.h"
#include "base/unique_fd.h"

namespace sallyport::sources {

// One run of a command: no shell, empty standard input, a process group of its own, what is left
// of this process's environment, and a limit of 30 s after which the group is killed. Never
// blocks; its owner polls the descriptors and calls Advance.
class CommandRun {
 public:
  // The error names the command when it cannot be started, or when `files` does not admit its
  // program or a file that is an argument of it.
  static absl::StatusOr<std::unique_ptr<CommandRun>> Start(const std::vector<std::string>& argv,
                                                           FollowedFiles* files, SteadyTime now);
  CommandRun(const CommandRun&) = delete;
  CommandRun& operator=(const CommandRun&) = delete;
  // Kills the group if the command still runs.
  ~CommandRun();

  // Collects output, ends the command when it is over or its time is up; true once it has ended.
  bool Advance(SteadyTime now);
  SteadyTime deadline() const { return deadline_; }
  void AddPollFds(std::vector<pollfd>* fds) const;

  // After the end: standard output without its final newline (more than is usable is cut to one
  // byte over the limit), or why there is none, with what the command said on standard error.
  absl::StatusOr<SecretString> TakeOutput();

 private:
  CommandRun(std::string name, SteadyTime deadline);

  void Collect();

  const std::string name_;
  const SteadyTime deadline_;
  pid_t pid_ = -1;
  UniqueFd pidfd_;
  UniqueFd output_;
  UniqueFd errors_;
  SecretString output_bytes_;
  size_t output_size_ = 0;
  std::string error_text_;
  bool timed_out_ = false;
  int wait_status_ = 0;
};

}  // namespace sallyport::sources

#endif  // SALLYPORT_GATEWAY_CLIENT_COMMAND_RUN_H_

#ifndef SALLYPORT_SUPERVISOR_FORKER_H_
#define SALLYPORT_SUPERVISOR_FORKER_H_

#include <sys/types.h>

#include <variant>

#include "absl/status/statusor.h"
#include "supervisor/channel.h"
#include "supervisor/child_plan.h"
#include "supervisor/isolation_message.h"

namespace sallyport::supervisor {

// A small process, forked before any thread or secret exists, whose one child is the command. It
// holds nothing: no secret (its copy of the environment is wiped), no listener, no descriptor but
// its channel. It adopts and reaps what the command leaves behind, kills all of it when the command
// ends, and, when the supervisor ends in any way, notices the closed channel and does the same.
// Owned and used by the supervisor's main thread.
class Forker {
 public:
  struct Stopped {
    int signal;
  };
  struct Exited {
    int wait_status;  // as waitpid(2) gives it
    int left_behind;  // processes that could not be ended
  };
  using Event = std::variant<Stopped, Exited>;

  // Why the command does not run.
  struct SpawnFailure {
    SpawnStep step;
    int error;
    // For kView and kLandlock: what could not be done.
    std::string detail;
  };

  // Forks. Call it while this process has one thread, before the first secret arrives and before
  // limits, signal mask or dispositions are changed: the child gets them as they are now.
  static absl::StatusOr<Forker> Start();
  Forker(Forker&& other) noexcept
      : pid_(std::exchange(other.pid_, -1)), channel_(std::move(other.channel_)) {}
  Forker& operator=(Forker&&) = delete;
  // Ends the command and everything it started, and waits for that.
  ~Forker();

  // Gives the command namespaces of its own; before Spawn, at most once. Afterwards the command's
  // process and its signals are looked after by the first process in there. When it fails, with
  // words for what is missing, this forker is of no more use.
  absl::StatusOr<IsolationResult> Isolate(const IsolationRequest& request);
  // Runs the command; once. Nothing is returned when it runs. The status is not OK when the forker
  // itself is gone.
  absl::StatusOr<std::optional<SpawnFailure>> Spawn(const ChildPlan& plan);
  // Sends the child a signal; nothing happens if it has ended.
  void Signal(int signal);
  // Blocks for the next event. Readability of fd() says that there is one.
  absl::StatusOr<Event> NextEvent();

  int fd() const { return channel_.fd(); }
  pid_t pid() const { return pid_; }

 private:
  Forker(pid_t pid, Channel channel) : pid_(pid), channel_(std::move(channel)) {}

  pid_t pid_;
  Channel channel_;
};

}  // namespace sallyport::supervisor

#endif  // SALLYPORT_SUPERVISOR_FORKER_H_

#include "supervisor/forker.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string>
#include <utility>

#include "base/status.h"
#include "supervisor/forker_process.h"

namespace sallyport::supervisor {

absl::StatusOr<Forker> Forker::Start() {
  ASSIGN_OR_RETURN(auto ends, Channel::MakePair());
  const pid_t pid = fork();
  if (pid < 0) return ErrnoStatus(errno, "cannot fork");
  if (pid == 0) {
    // The supervisor's end must be closed here, or its closing there would go unnoticed.
    { const Channel supervisors_end = std::move(ends.first); }
    RunForkerProcess(std::move(ends.second));
  }
  return Forker(pid, std::move(ends.first));
}

Forker::~Forker() {
  if (pid_ < 0) return;
  { const Channel closing = std::move(channel_); }
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

absl::StatusOr<IsolationResult> Forker::Isolate(const IsolationRequest& request) {
  RETURN_IF_ERROR(channel_.Send(request.ToMessage()));
  return IsolationResult::Receive(&channel_);
}

absl::StatusOr<std::optional<Forker::SpawnFailure>> Forker::Spawn(const ChildPlan& plan) {
  RETURN_IF_ERROR(channel_.Send(plan.ToMessage()));
  ASSIGN_OR_RETURN(const ForkMessage answer, channel_.Receive());
  if (answer.kind == ForkMessage::Kind::kSpawned) return std::nullopt;
  const std::optional<int> step = FieldNumber(answer, 0);
  const std::optional<int> error = FieldNumber(answer, 1);
  if (answer.kind != ForkMessage::Kind::kSpawnFailed || !step.has_value() || !error.has_value()) {
    return absl::InternalError("the forker answered out of turn");
  }
  return SpawnFailure{static_cast<SpawnStep>(*step), *error,
                      answer.fields.size() > 2 ? answer.fields[2] : std::string()};
}

void Forker::Signal(int signal) {
  // A forker that is gone shows itself in NextEvent.
  (void)channel_.Send({ForkMessage::Kind::kSignal, {std::to_string(signal)}});
}

absl::StatusOr<Forker::Event> Forker::NextEvent() {
  ASSIGN_OR_RETURN(const ForkMessage message, channel_.Receive());
  const std::optional<int> first = FieldNumber(message, 0);
  const std::optional<int> second = FieldNumber(message, 1);
  if (message.kind == ForkMessage::Kind::kStopped && first.has_value()) return Stopped{*first};
  if (message.kind == ForkMessage::Kind::kExited && first.has_value() && second.has_value()) {
    return Exited{*first, *second};
  }
  return absl::InternalError("the forker sent an unknown message");
}

}  // namespace sallyport::supervisor

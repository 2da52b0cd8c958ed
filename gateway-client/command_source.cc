#include "gateway-client/command_source.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/status.h"

namespace sallyport::sources {

void CommandSource::Advance(SteadyTime now) {
  if (run_ != nullptr && run_->Advance(now)) {
    absl::StatusOr<SecretString> output = run_->TakeOutput();
    run_.reset();
    Finish(std::move(output), now);
  }
  if (value() != nullptr && now >= schedule_.expires()) {
    AcceptNone(fmt::format("command {}", argv_[0]), "could not be renewed before its TTL was over");
  }
  if (run_ == nullptr && now >= schedule_.next_start()) {
    absl::StatusOr<std::unique_ptr<CommandRun>> started = CommandRun::Start(argv_, files_, now);
    if (started.ok()) {
      run_ = *std::move(started);
    } else {
      Finish(std::move(started).status(), now);
    }
  }
}

void CommandSource::Finish(absl::StatusOr<SecretString> output, SteadyTime now) {
  const std::string name = fmt::format("command {}", argv_[0]);
  if (output.ok() && output->empty()) {
    output = absl::UnavailableError(fmt::format("{} wrote nothing", name));
  }
  // While there is a value, an unusable new one is a failed renewal like any other.
  if (output.ok() && value() != nullptr) {
    if (absl::Status usable = CheckValue(output->Reveal(), name); !usable.ok()) output = usable;
  }
  if (output.ok()) {
    Accept(*std::move(output), name, now);
    if (value() != nullptr) return schedule_.Succeeded(now);
  } else {
    log::Warn("credentials", Message(output.status()));
    if (value() == nullptr) {
      AcceptNone(name, "failed");
    } else {
      NoteFailure();
    }
  }
  schedule_.Failed(now);
}

SteadyTime CommandSource::Deadline() const {
  const SteadyTime next = run_ != nullptr ? run_->deadline() : schedule_.next_start();
  return value() != nullptr ? std::min(next, schedule_.expires()) : next;
}

void CommandSource::AddPollFds(std::vector<pollfd>* fds) const {
  if (run_ != nullptr) run_->AddPollFds(fds);
}

}  // namespace sallyport::sources

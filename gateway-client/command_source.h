#ifndef SALLYPORT_GATEWAY_CLIENT_COMMAND_SOURCE_H_
#define SALLYPORT_GATEWAY_CLIENT_COMMAND_SOURCE_H_

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/followed_files.h"
#include "gateway-client/command_run.h"
#include "gateway-client/refresh_schedule.h"
#include "gateway-client/source.h"

namespace sallyport::sources {

// A command's output, renewed in the background before its TTL is over. A failed renewal keeps the
// old value until then.
class CommandSource final : public Source {
 public:
  // `files` says whether it may be run; it outlives this.
  CommandSource(std::vector<std::string> argv, std::chrono::seconds ttl, FollowedFiles* files)
      : argv_(std::move(argv)), files_(files), schedule_(ttl) {
    MarkSet();
  }

  void Advance(SteadyTime now) override;
  SteadyTime Deadline() const override;
  void AddPollFds(std::vector<pollfd>* fds) const override;

 private:
  void Finish(absl::StatusOr<SecretString> output, SteadyTime now);

  const std::vector<std::string> argv_;
  FollowedFiles* const files_;
  RefreshSchedule schedule_;
  std::unique_ptr<CommandRun> run_;
};

}  // namespace sallyport::sources

#endif  // SALLYPORT_GATEWAY_CLIENT_COMMAND_SOURCE_H_

#ifndef SALLYPORT_PROXY_SERVER_POLICY_IN_FORCE_H_
#define SALLYPORT_PROXY_SERVER_POLICY_IN_FORCE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "gateway-client/policy_source.h"
#include "rules/policy.h"

namespace sallyport::proxy {

// Whether it can be told which programs connect, as `binaries` asks.
enum class Clients : uint8_t { kKnown, kUnknown };

// The policy that holds, and the rules by which another takes its place: what was fixed when the
// program was spawned has to stay as it was, and there is none that could not be held. Used by one
// thread at a time.
class PolicyInForce {
 public:
  // Without a source there is no policy. `policy` is what the source gave already; null: nothing.
  PolicyInForce(std::shared_ptr<sources::PolicySource> source,
                std::shared_ptr<const rules::Policy> policy, Clients clients)
      : source_(std::move(source)), current_(std::move(policy)), clients_(clients) {}

  // Whether the first policy can be held.
  absl::Status Begin() const;

  // Null: there is none.
  const std::shared_ptr<const rules::Policy>& current() const { return current_; }
  // Empty without a source.
  std::string_view name() const {
    return source_ == nullptr ? std::string_view() : std::string_view(source_->name());
  }

  // Asks the source, and takes what it gives. Whether another policy is in force now; on an error
  // the old one is.
  absl::StatusOr<bool> Refresh();

  // As PolicySource has them.
  int fd() const { return source_ == nullptr ? -1 : source_->fd(); }
  bool TakeChange() { return source_ != nullptr && source_->TakeChange(); }

 private:
  absl::Status Check(const rules::Policy& policy) const;
  absl::Status Take();

  std::shared_ptr<sources::PolicySource> source_;
  std::shared_ptr<const rules::Policy> current_;
  Clients clients_;
};

// What two policies fix at the spawn and do not agree on: "filesystem_policy, process"; empty if
// nothing.
std::string DifferenceAtSpawn(const rules::SpawnPolicy& a, const rules::SpawnPolicy& b);

}  // namespace sallyport::proxy

#endif  // SALLYPORT_PROXY_SERVER_POLICY_IN_FORCE_H_

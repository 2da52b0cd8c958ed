#ifndef SALLYPORT_GATEWAY_CLIENT_POLICY_SOURCE_H_
#define SALLYPORT_GATEWAY_CLIENT_POLICY_SOURCE_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "rules/policy.h"

namespace sallyport::sources {

// Where a policy comes from: a file, what is compiled in, or a gateway. Called by one thread at a
// time.
class PolicySource {
 public:
  virtual ~PolicySource() = default;

  // What logs and audit records call it.
  virtual const std::string& name() const = 0;

  // The policy as it is there now. An error lists every problem, a line each.
  virtual absl::StatusOr<std::shared_ptr<const rules::Policy>> Fetch() = 0;

  // Readable when there may be another policy; -1: there never is.
  virtual int fd() const { return -1; }
  // Called when `fd` is readable, and once before waiting for it: whether to Fetch.
  virtual bool TakeChange() { return false; }

  // What became of the policy that was fetched last: in force, or why not.
  virtual void Report(const absl::Status& /*outcome*/) {}
};

// A policy that never changes.
class FixedPolicy final : public PolicySource {
 public:
  FixedPolicy(std::string name, std::shared_ptr<const rules::Policy> policy)
      : name_(std::move(name)), policy_(std::move(policy)) {}

  const std::string& name() const override { return name_; }
  absl::StatusOr<std::shared_ptr<const rules::Policy>> Fetch() override { return policy_; }

 private:
  std::string name_;
  std::shared_ptr<const rules::Policy> policy_;
};

}  // namespace sallyport::sources

#endif  // SALLYPORT_GATEWAY_CLIENT_POLICY_SOURCE_H_

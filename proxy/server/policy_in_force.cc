#include "proxy/server/policy_in_force.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/status.h"

namespace sallyport::proxy {

std::string DifferenceAtSpawn(const rules::SpawnPolicy& a, const rules::SpawnPolicy& b) {
  std::string names;
  const auto name = [&names](bool same, std::string_view section) {
    if (same) return;
    if (!names.empty()) names += ", ";
    names += section;
  };
  name(a.filesystem == b.filesystem, "filesystem_policy");
  name(a.landlock == b.landlock, "landlock");
  name(a.process == b.process, "process");
  return names;
}

absl::Status PolicyInForce::Check(const rules::Policy& policy) const {
  if (clients_ == Clients::kKnown || !policy.network.lists_binaries()) return absl::OkStatus();
  const auto entries = policy.network.entries();
  const auto entry =
      std::ranges::find_if(entries, [](const auto& one) { return !one.binaries.empty(); });
  return absl::FailedPreconditionError(fmt::format(
      "{}: {}: this cannot be held, for a proxy without the program cannot tell who connects; take "
      "the list out, or start the program by 'sallyport run'",
      name(), entry->binaries_label));
}

absl::Status PolicyInForce::Begin() const {
  return current_ == nullptr ? absl::OkStatus() : Check(*current_);
}

absl::StatusOr<bool> PolicyInForce::Refresh() {
  if (source_ == nullptr) return false;
  const std::shared_ptr<const rules::Policy> before = current_;
  const absl::Status status = Take();
  source_->Report(status);
  RETURN_IF_ERROR(status);
  return current_ != before;
}

absl::Status PolicyInForce::Take() {
  ASSIGN_OR_RETURN(std::shared_ptr<const rules::Policy> fetched, source_->Fetch());
  RETURN_IF_ERROR(Check(*fetched));
  if (current_ != nullptr) {
    const std::string difference = DifferenceAtSpawn(current_->spawn, fetched->spawn);
    if (!difference.empty()) {
      return absl::FailedPreconditionError(
          fmt::format("{}: changes {}, which is fixed from the start; start again to change it",
                      source_->name(), difference));
    }
  }
  current_ = std::move(fetched);
  return absl::OkStatus();
}

}  // namespace sallyport::proxy

#include "proxy/server/policy_in_force.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/log.h"
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

void PolicyInForce::Begin() const {
  if (current_ == nullptr) return;
  const auto entries = current_->network.entries();
  const bool names_binaries = std::any_of(
      entries.begin(), entries.end(), [](const auto& entry) { return !entry.binaries.empty(); });
  if (!names_binaries) return;
  log::Warn("policy",
            "its \"binaries\" are not held: who connects cannot be told, so that its endpoints are "
            "open to every program behind the proxy",
            {{"source", name()}});
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

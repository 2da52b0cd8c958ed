#include "supervisor/isolation.h"

#include <fmt/core.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "base/log.h"
#include "base/status.h"
#include "supervisor/landlock.h"
#include "supervisor/seccomp_program.h"

namespace sallyport::supervisor {
namespace {

constexpr std::array<std::pair<std::string_view, Isolation>, 4> kNames = {{
    {"auto", Isolation::kAuto},
    {"netns", Isolation::kNetns},
    {"landlock", Isolation::kLandlock},
    {"none", Isolation::kNone},
}};

constexpr std::string_view kLandlockCosts =
    "--isolation landlock does without namespaces: programs must know of the proxy (nothing is "
    "captured), cannot listen nor use UDP or unix sockets, and see the host's processes and file "
    "names";

std::string NoneCosts() { return fmt::format("--isolation none accepts that {}", kUnconfined); }

bool HasSocketBroker() {
  seccomp_notif_sizes sizes = {};
  return syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) == 0;
}

absl::Status TryNamespaces(bool* own_process_ids) {
  ASSIGN_OR_RETURN(Forker forker, Forker::Start());
  ASSIGN_OR_RETURN(const IsolationResult result, forker.Isolate({}));
  *own_process_ids = result.own_process_ids;
  return absl::OkStatus();
}

absl::Status Missing(std::string_view mode, std::string_view what) {
  return absl::UnavailableError(fmt::format("--isolation {} cannot be had here: {}", mode, what));
}

// What every confined mode needs.
absl::Status CheckConfinement(std::string_view mode, int landlock_abi, bool seccomp) {
  if (landlock_abi < 1) {
    return Missing(
        mode,
        "this kernel has no Landlock (it is in Linux 5.13 and later, and may be left out "
        "of the boot option lsm=), so that the command's files could not be confined");
  }
  if (!seccomp) {
    return Missing(mode,
                   "this kernel has no seccomp filters, so that the command's system calls "
                   "could not be confined");
  }
  return absl::OkStatus();
}

absl::Status CheckLandlock(const KernelFeatures& features) {
  RETURN_IF_ERROR(CheckConfinement("landlock", features.landlock_abi, features.seccomp));
  if (features.landlock_abi < kLandlockNetworkAbi) {
    return Missing("landlock",
                   fmt::format("this kernel's Landlock has ABI {}, and rules for TCP need ABI {} "
                               "(Linux 6.7)",
                               features.landlock_abi, kLandlockNetworkAbi));
  }
  if (!features.socket_broker) {
    return Missing("landlock",
                   "this kernel's seccomp cannot hand system calls over (Linux 5.14), "
                   "so that the command could connect to the proxy's port of any host");
  }
  return absl::OkStatus();
}

absl::Status NoNamespaces(const absl::Status& reason) {
  return Missing("netns",
                 fmt::format("{}. Containers and some distributions forbid user and network "
                             "namespaces; sallyport doctor says what could be done",
                             Message(reason)));
}

absl::StatusOr<IsolatedForker> StartNetns(const IsolationRequest& request,
                                          rules::LandlockCompatibility compatibility) {
  const absl::Status landlock = CheckConfinement("netns", LandlockAbi(), true);
  if (!landlock.ok() && compatibility == rules::LandlockCompatibility::kBestEffort) {
    log::Warn("run",
              "this kernel has no Landlock; as the policy asks for best_effort, mounts alone "
              "confine the command's files");
  } else {
    RETURN_IF_ERROR(landlock);
  }
  RETURN_IF_ERROR(CheckConfinement("netns", kLandlockScopeAbi, HasSeccompFilters()));
  ASSIGN_OR_RETURN(Forker forker, Forker::Start());
  absl::StatusOr<IsolationResult> result = forker.Isolate(request);
  if (!result.ok()) return NoNamespaces(result.status());
  return IsolatedForker{std::move(forker), Isolation::kNetns, *std::move(result)};
}

absl::StatusOr<IsolatedForker> StartLandlock() {
  KernelFeatures features;
  features.landlock_abi = LandlockAbi();
  features.seccomp = HasSeccompFilters();
  features.socket_broker = HasSocketBroker();
  RETURN_IF_ERROR(CheckLandlock(features));
  ASSIGN_OR_RETURN(Forker forker, Forker::Start());
  return IsolatedForker{std::move(forker), Isolation::kLandlock, {}};
}

// With the way out, on a line of its own.
absl::Status WithRemedy(const absl::Status& status, std::string_view remedy) {
  return absl::Status(status.code(), fmt::format("{}\n{}", Message(status), remedy));
}

}  // namespace

std::optional<Isolation> ParseIsolation(std::string_view name) {
  for (const auto& [known, isolation] : kNames) {
    if (known == name) return isolation;
  }
  return std::nullopt;
}

std::string_view IsolationName(Isolation isolation) {
  return kNames[static_cast<size_t>(isolation)].first;
}

KernelFeatures KernelFeatures::Probe() {
  KernelFeatures features;
  features.landlock_abi = LandlockAbi();
  features.seccomp = HasSeccompFilters();
  features.socket_broker = HasSocketBroker();
  features.namespaces = TryNamespaces(&features.own_process_ids);
  return features;
}

absl::Status KernelFeatures::Check(Isolation isolation) const {
  if (isolation == Isolation::kLandlock) return CheckLandlock(*this);
  if (isolation != Isolation::kNetns) return absl::OkStatus();
  RETURN_IF_ERROR(CheckConfinement("netns", landlock_abi, seccomp));
  return namespaces.ok() ? absl::OkStatus() : NoNamespaces(namespaces);
}

std::optional<Isolation> KernelFeatures::Strongest() const {
  for (Isolation isolation : {Isolation::kNetns, Isolation::kLandlock}) {
    if (Check(isolation).ok()) return isolation;
  }
  return std::nullopt;
}

absl::StatusOr<IsolatedForker> StartIsolated(Isolation wanted, const IsolationRequest& request,
                                             rules::LandlockCompatibility compatibility) {
  if (wanted == Isolation::kNone) {
    ASSIGN_OR_RETURN(Forker forker, Forker::Start());
    return IsolatedForker{std::move(forker), Isolation::kNone, {}};
  }
  if (wanted == Isolation::kLandlock) {
    absl::StatusOr<IsolatedForker> landlock = StartLandlock();
    if (!landlock.ok()) return WithRemedy(landlock.status(), NoneCosts());
    return landlock;
  }
  absl::StatusOr<IsolatedForker> netns = StartNetns(request, compatibility);
  if (netns.ok()) return netns;
  if (wanted == Isolation::kNetns) {
    return WithRemedy(netns.status(), fmt::format("{}\n{}", kLandlockCosts, NoneCosts()));
  }
  absl::StatusOr<IsolatedForker> landlock = StartLandlock();
  if (!landlock.ok()) {
    return WithRemedy(netns.status(),
                      fmt::format("{}\n{}", Message(landlock.status()), NoneCosts()));
  }
  log::Warn("run",
            "the command gets no namespaces of its own; only Landlock and seccomp confine it",
            {{"reason", Message(netns.status())}, {"means", kLandlockCosts}});
  return landlock;
}

}  // namespace sallyport::supervisor

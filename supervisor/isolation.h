#ifndef SALLYPORT_SUPERVISOR_ISOLATION_H_
#define SALLYPORT_SUPERVISOR_ISOLATION_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "rules/spawn_policy.h"
#include "supervisor/forker.h"
#include "supervisor/isolation_message.h"

namespace sallyport::supervisor {

// How the command's network is closed.
enum class Isolation : uint8_t {
  kAuto,      // the strongest that works
  kNetns,     // a network of its own, in which every address leads to the proxy
  kLandlock,  // the host's network, with one reachable port: the proxy's
  kNone,      // proxy variables alone
};

std::optional<Isolation> ParseIsolation(std::string_view name);
std::string_view IsolationName(Isolation isolation);

// What goes without saying when the command runs unconfined.
inline constexpr std::string_view kUnconfined =
    "only proxy variables lead the command to the proxy: it can go round it to any network, and "
    "read and write whatever you can";

// What the kernel grants this user, found by trying it in processes that end at once.
struct KernelFeatures {
  int landlock_abi = 0;
  bool seccomp = false;
  bool socket_broker = false;  // seccomp_unotify(2) with descriptors, kernel 5.14
  // Why there can be no namespaces of the command's own; OK where there can.
  absl::Status namespaces;
  // Only if `namespaces` is OK.
  bool own_process_ids = false;

  static KernelFeatures Probe();
  // Why the mode cannot be had, or OK.
  absl::Status Check(Isolation isolation) const;
  // The strongest mode that works; nothing where none but kNone does.
  std::optional<Isolation> Strongest() const;
};

// A forker, and around it whatever the mode needs before the proxy starts.
struct IsolatedForker {
  Forker forker;
  Isolation mode = Isolation::kNone;  // never kAuto
  // Of kNetns.
  IsolationResult result;
};

// Starts the forker for `wanted`; see Forker::Start for when. An error says what is missing, which
// option accepts less, and what that costs. With kBestEffort kNetns goes without Landlock where
// the kernel has none, and warns.
absl::StatusOr<IsolatedForker> StartIsolated(Isolation wanted, const IsolationRequest& request,
                                             rules::LandlockCompatibility compatibility);

}  // namespace sallyport::supervisor

#endif  // SALLYPORT_SUPERVISOR_ISOLATION_H_

#include "cli/doctor_command.h"

#include <fmt/core.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/status.h"
#include "supervisor/isolation.h"
#include "supervisor/landlock.h"
#include "supervisor/sandbox_paths.h"

namespace sallyport::cli {
namespace {

using supervisor::Isolation;
using supervisor::KernelFeatures;

struct Finding {
  std::string_view name;
  std::string_view json_name;
  bool good = false;
  std::string detail;
  // What to do; empty where it is good.
  std::string_view remedy;
};

Finding OfLandlock(const KernelFeatures& features) {
  const int abi = features.landlock_abi;
  Finding finding = {"Landlock", "landlock", abi > 0, fmt::format("ABI {}", abi), {}};
  if (abi == 0) {
    finding.detail = "missing";
    finding.remedy =
        "use Linux 5.13 or later, and see that the boot option lsm= lists landlock if it is given";
  } else if (abi < supervisor::kLandlockScopeAbi) {
    finding.detail +=
        abi < supervisor::kLandlockNetworkAbi
            ? ": no rules for TCP, none for signals and abstract unix sockets"
            : ": no rules for signals and abstract unix sockets, which namespaces keep in instead";
  }
  return finding;
}

Finding OfNamespaces(const KernelFeatures& features) {
  Finding finding = {
      "user and network namespaces", "namespaces", features.namespaces.ok(), "available", {}};
  if (finding.good) return finding;
  finding.detail = Message(features.namespaces);
  finding.remedy =
      "see that sysctl user.max_user_namespaces and user.max_net_namespaces are not 0; on Ubuntu "
      "set kernel.apparmor_restrict_unprivileged_userns=0, on older Debian "
      "kernel.unprivileged_userns_clone=1; a container needs a seccomp profile that permits "
      "unshare, clone and mount (Docker: --security-opt seccomp=FILE)";
  return finding;
}

Finding OfProcessIds(const KernelFeatures& features) {
  Finding finding = {
      "process ids of the command's own", "processIds", features.own_process_ids, "available", {}};
  if (finding.good) return finding;
  finding.detail = features.namespaces.ok() ? "missing: /proc cannot be mounted anew" : "missing";
  if (features.namespaces.ok()) {
    finding.remedy =
        "the command sees the host's processes, without reaching them; a container hides parts of "
        "/proc unless it is told not to (Docker: --security-opt systempaths=unconfined)";
  }
  return finding;
}

Finding OfSeccomp(const KernelFeatures& features) {
  Finding finding = {"seccomp", "seccomp", features.seccomp, "filters and hand-over", {}};
  if (!features.seccomp) {
    finding.detail = "missing";
    finding.remedy = "use a kernel with CONFIG_SECCOMP_FILTER";
  } else if (!features.socket_broker) {
    finding.detail = "filters; no hand-over of system calls, which --isolation landlock needs";
  }
  return finding;
}

Finding OfCaBundle() {
  const std::vector<std::string> bundles = supervisor::SystemCaBundles();
  Finding finding = {"system CA bundle", "caBundle", !bundles.empty(), {}, {}};
  finding.detail = finding.good ? bundles.front() : "missing";
  if (!finding.good) {
    finding.remedy =
        "install ca-certificates, or name your roots with --upstream-ca: without them no upstream "
        "can be verified";
  }
  return finding;
}

std::string NameOf(const std::optional<Isolation>& isolation) {
  return isolation.has_value() ? std::string(supervisor::IsolationName(*isolation)) : "";
}

void PrintText(const std::vector<Finding>& findings, const std::optional<Isolation>& isolation) {
  for (const Finding& finding : findings) {
    fmt::print("{:<4} {:<32} {}\n", finding.good ? "ok" : "no", finding.name, finding.detail);
    if (!finding.remedy.empty()) fmt::print("     -> {}\n", finding.remedy);
  }
  if (isolation.has_value()) {
    fmt::print("\nsallyport run would use --isolation {}\n", NameOf(isolation));
  } else {
    fmt::print("\nsallyport run would start nothing; --isolation none accepts that {}\n",
               supervisor::kUnconfined);
  }
}

void PrintJson(const std::vector<Finding>& findings, const std::optional<Isolation>& isolation,
               int landlock_abi) {
  std::string text = "{";
  for (const Finding& finding : findings) {
    AppendJsonString(&text, finding.json_name);
    text += fmt::format(":{{\"available\":{},\"detail\":", finding.good);
    AppendJsonString(&text, finding.detail);
    text += ",\"remedy\":";
    if (finding.remedy.empty()) {
      text += "null";
    } else {
      AppendJsonString(&text, finding.remedy);
    }
    text += "},";
  }
  text += fmt::format("\"landlockAbi\":{},\"isolation\":", landlock_abi);
  if (isolation.has_value()) {
    AppendJsonString(&text, NameOf(isolation));
  } else {
    text += "null";
  }
  fmt::print("{}}}\n", text);
}

int Examine(bool json) {
  const KernelFeatures features = KernelFeatures::Probe();
  const std::optional<Isolation> isolation = features.Strongest();
  const std::vector<Finding> findings = {OfLandlock(features), OfNamespaces(features),
                                         OfProcessIds(features), OfSeccomp(features), OfCaBundle()};
  if (json) {
    PrintJson(findings, isolation, features.landlock_abi);
  } else {
    PrintText(findings, isolation);
  }
  return isolation.has_value() ? 0 : 1;
}

}  // namespace

void AddDoctorCommand(CLI::App& app, std::function<int()>* action) {
  CLI::App* command = app.add_subcommand(
      "doctor", "Say what this machine can confine a command with, and what is missing");
  auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "Print JSON");
  command->callback([json, action] { *action = [json] { return Examine(*json); }; });
}

}  // namespace sallyport::cli

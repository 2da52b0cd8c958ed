#include "cli/server_flags.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <string_view>
#include <thread>

#include "base/log.h"
#include "base/status.h"
#include "cli/flags.h"
#include "cli/provider_choice.h"
#include "gateway-client/environment_source.h"

namespace sallyport::cli {
namespace {

// A worker more than this brings nothing but memory: the machine's CPUs are shared with the
// program behind the proxy.
constexpr int kMostDefaultWorkers = 4;
// Far above any machine this runs on, far below what would exhaust one.
constexpr int kMostWorkers = 256;

absl::StatusOr<int> ParseWorkers(std::string_view text) {
  if (text.empty()) {
    const int cpus = static_cast<int>(std::thread::hardware_concurrency());
    return std::clamp(cpus, 1, kMostDefaultWorkers);
  }
  int workers = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), workers);
  if (error != std::errc() || end != text.data() + text.size() || workers < 1 ||
      workers > kMostWorkers) {
    return absl::InvalidArgumentError(
        fmt::format("--workers '{}' is not a number from 1 to {}", text, kMostWorkers));
  }
  return workers;
}

}  // namespace

void ServerFlags::AddTo(CLI::App& app) {
  AddValue(app, "config", "FILE",
           "proxy-config.json; else $XDG_CONFIG_HOME/sallyport/proxy-config.json (~/.config/...), "
           "~/.sandboxd/proxy-config.json",
           &config);
  AddValue(app, "policy", "FILE",
           "policy.yaml; else /etc/sallyport/policy.yaml, /etc/navigator/policy.yaml", &policy);
  AddProviderTypes(app, &provider_types);
  AddValue(app, "ca-dir", "DIR",
           "Where ca.crt and ca-bundle.crt are written; default a fresh private folder", &ca_dir);
  AddSwitch(app, "ca-persist", "Keep the CA's key in --ca-dir, and use it again", &ca_persist);
  AddValue(app, "ready-file", "FILE", "Written once connections are accepted, as JSON",
           &ready_file);
  AddValue(app, "workers", "N", "Event loops, one thread each; default the CPUs, at most 4",
           &workers);
  AddValue(app, "audit-log", "FILE|-", "JSON lines, one a request", &audit_log);
  AddValue(app, "audit-format", "FORMAT", "json (default), or ocsf: events of OCSF 1.3",
           &audit_format);
  AddValue(app, "log-level", "LEVEL", "error, warn, info (default) or debug", &log_level);
  AddValue(app, "log-format", "FORMAT", "text (default) or json", &log_format);
  AddList(app, "upstream-ca", "FILE",
          "More roots to verify upstreams with, beside the system's; CRLs in it are enforced",
          &upstream_ca);
  AddList(app, "connect-to", "HOST:PORT:ADDR:PORT",
          "Dial ADDR:PORT whenever HOST:PORT is asked for", &connect_to);
  AddValue(app, "upstream-proxy", "URL",
           "Go out through another HTTP proxy, http://[USER:PASSWORD@]HOST:PORT or https://...; in "
           "the environment no other user of this machine can read the password",
           &upstream_proxy);
  AddValue(app, "upstream-no-proxy", "LIST",
           "Hosts to reach without it: names with their subdomains, addresses, CIDR ranges, or *",
           &upstream_no_proxy);
  AddValue(app, "admin", "ADDR:PORT|unix:PATH",
           "Serve /metrics, /healthz and /readyz there; default nowhere", &admin);
  limits.AddTo(app);
}

absl::StatusOr<proxy::ServerOptions> ServerFlags::Check() const {
  ASSIGN_OR_RETURN(const log::Level level, log::ParseLevel(log_level));
  ASSIGN_OR_RETURN(const log::Format format, log::ParseFormat(log_format));
  if (ca_persist && ca_dir.empty()) {
    return absl::InvalidArgumentError("--ca-persist needs --ca-dir: it says where the key is kept");
  }
  proxy::ServerOptions options;
  ASSIGN_OR_RETURN(options.workers, ParseWorkers(workers));
  for (const std::string& text : connect_to) {
    absl::StatusOr<proxy::ConnectTo> parsed = proxy::ConnectTo::Parse(text);
    if (!parsed.ok()) {
      return absl::InvalidArgumentError(fmt::format("--connect-to: {}", Message(parsed.status())));
    }
    options.connect_to.push_back(*std::move(parsed));
  }
  if (!upstream_proxy.empty()) {
    auto parsed = upstream::UpstreamProxy::Parse(upstream_proxy, upstream_no_proxy);
    if (!parsed.ok()) {
      return absl::InvalidArgumentError(
          fmt::format("--upstream-proxy: {}", Message(parsed.status())));
    }
    // It may hold a password; no copy of it stays where a program could find it.
    sources::TakeEnvironmentVariable("SALLYPORT_UPSTREAM_PROXY");
    options.upstream_proxy = std::make_shared<upstream::UpstreamProxy>(*std::move(parsed));
  } else if (!upstream_no_proxy.empty()) {
    return absl::InvalidArgumentError(
        "--upstream-no-proxy needs --upstream-proxy: it lists what does not go through it");
  }
  if (!admin.empty()) {
    absl::StatusOr<proxy::ListenAddress> address = proxy::ListenAddress::Parse(admin);
    if (!address.ok()) {
      return absl::InvalidArgumentError(fmt::format("--admin: {}", Message(address.status())));
    }
    options.admin = *std::move(address);
  }
  ASSIGN_OR_RETURN(options.limits, limits.Check());
  options.ca_dir = ca_dir;
  options.ca_persist = ca_persist;
  options.audit_log = audit_log;
  ASSIGN_OR_RETURN(options.audit_format, audit::ParseAuditFormat(audit_format));
  options.upstream_ca = upstream_ca;
  log::Configure(level, format);
  return options;
}

}  // namespace sallyport::cli

#ifndef SALLYPORT_CLI_SERVER_FLAGS_H_
#define SALLYPORT_CLI_SERVER_FLAGS_H_

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/limit_flags.h"
#include "proxy/server/server.h"

namespace sallyport::cli {

// The options that `proxy` and `run` share, as they were written.
struct ServerFlags {
  std::string config;
  std::string policy;
  std::string provider_types;
  std::string ca_dir;
  bool ca_persist = false;
  std::string ready_file;
  std::string workers;
  std::string audit_log;
  std::string audit_format = "json";
  std::string log_level = "info";
  std::string log_format = "text";
  std::vector<std::string> upstream_ca;
  std::vector<std::string> connect_to;
  std::string upstream_proxy;
  std::string upstream_no_proxy;
  std::string admin;
  LimitFlags limits;

  // `this` must outlive the parsing.
  void AddTo(CLI::App& app);

  // Checks the options alone, touching no file: an error is a mistake in usage. Sets up the log.
  // The configuration file, the policy and the listeners are left to the caller.
  absl::StatusOr<proxy::ServerOptions> Check() const;
};

}  // namespace sallyport::cli

#endif  // SALLYPORT_CLI_SERVER_FLAGS_H_

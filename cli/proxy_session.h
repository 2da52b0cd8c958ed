#ifndef SALLYPORT_CLI_PROXY_SESSION_H_
#define SALLYPORT_CLI_PROXY_SESSION_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "proxy/server/server.h"
#include "supervisor/java_files.h"
#include "supervisor/process_setup.h"

namespace sallyport::cli {

struct ProxySessionOptions {
  proxy::ServerOptions server;
  std::string env_file;    // empty: none
  std::string ready_file;  // empty: none
};

// A proxy that runs until a signal ends it, and the files that tell of it. Main thread.
class ProxySession {
 public:
  explicit ProxySession(ProxySessionOptions options) : options_(std::move(options)) {}
  ProxySession(const ProxySession&) = delete;
  ProxySession& operator=(const ProxySession&) = delete;
  ~ProxySession();

  // On error nothing runs and no file is left.
  absl::Status Start();

  // SIGHUP reloads. SIGTERM and SIGINT stop accepting and give requests in flight 10 s; a second
  // one ends the process at once. Returns the exit status.
  int ServeUntilTold();

 private:
  absl::Status WriteEnvFile();
  absl::Status WriteFiles();
  // The signal that has come; waits for it.
  int AwaitSignal();
  void Reload();
  void Drain();
  // Removes every file that must not outlive the proxy, without its help.
  void RemoveFiles() const;

  ProxySessionOptions options_;
  std::optional<supervisor::SignalReader> signals_;
  std::unique_ptr<proxy::Server> server_;
  std::optional<supervisor::JavaFiles> java_files_;  // in the server's folder, so it goes first
  bool ready_ = false;
};

}  // namespace sallyport::cli

#endif  // SALLYPORT_CLI_PROXY_SESSION_H_

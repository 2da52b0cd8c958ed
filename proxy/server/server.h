#ifndef SALLYPORT_PROXY_SERVER_SERVER_H_
#define SALLYPORT_PROXY_SERVER_SERVER_H_

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/followed_files.h"
#include "base/ip_address.h"
#include "base/unique_fd.h"
#include "gateway-client/policy_source.h"
#include "proxy/audit/audit_log.h"
#include "proxy/exchange/client_identity.h"
#include "proxy/server/limits.h"
#include "proxy/upstream/upstream_proxy.h"
#include "rules/provider_types.h"

namespace sallyport::proxy {

// Where to listen: an address and port (0: any free one), or a unix socket.
struct ListenAddress {
  IpAddress address;
  uint16_t port = 0;
  std::string unix_path;  // set: a unix socket instead

  // "127.0.0.1:3128", "[::1]:0", "unix:/run/sallyport.sock".
  static absl::StatusOr<ListenAddress> Parse(std::string_view text);
};

// curl's --connect-to: dial `target` whenever `host`:`port` is asked for.
struct ConnectTo {
  std::string host;  // canonical
  uint16_t port = 0;
  std::string target_host;  // a name or an address literal
  uint16_t target_port = 0;

  // "HOST:PORT:ADDR:PORT", IPv6 in brackets.
  static absl::StatusOr<ConnectTo> Parse(std::string_view text);
};

// A file that a program behind the proxy should find.
struct ProvidedFile {
  // The type of the provider that brings it.
  std::string provider;
  // Absolute, or "~/…".
  std::string path;
  mode_t mode = 0600;
  std::string contents;
  // Variables to set to the file, and to its folder; empty: none.
  std::string file_variable;
  std::string folder_variable;
};

// A socket that was made elsewhere, above all in another network namespace, and is served as it is:
// bound, listening where it is a stream, non-blocking.
struct InheritedSocket {
  enum class Role : uint8_t {
    kProxy,     // clients know that they talk to a proxy
    kCaptured,  // they connected to an address that stands for, or is, another host's
    // Answers names with addresses that stand for them, towards kCaptured.
    kDnsStream,
    kDnsDatagram,
  };

  Role role = Role::kProxy;
  UniqueFd fd;
};

struct ServerOptions {
  // proxy-config.json; empty: `config_text` stands in its place.
  std::string config_file;
  std::string config_text = "{}";
  // The provider types that it may name, and the providers attached beside it.
  rules::Providers providers;
  // Which of all the files may be read again.
  std::shared_ptr<FollowedFiles> files = std::make_shared<FollowedFiles>();
  // Where the policy comes from, and what it gave already; both null: proxy-config.json alone
  // decides.
  std::shared_ptr<sources::PolicySource> policy_source;
  std::shared_ptr<const rules::Policy> policy;
  std::vector<ListenAddress> listen;
  // Tells who clients are; null: nobody can, and a policy with `binaries` is refused.
  std::shared_ptr<ProcessFinder> processes;
  // Served beside those of `listen`; closed with the last copy of the options. May be null.
  std::shared_ptr<const std::vector<InheritedSocket>> inherited;
  // Where ca.crt and ca-bundle.crt go; empty: a fresh private folder, removed at the end.
  std::string ca_dir;
  // Keep the CA's key in ca_dir and use it again.
  bool ca_persist = false;
  // Event loops, one thread each; at least 1.
  int workers = 1;
  // A file, "-" for standard output, or empty for none.
  std::string audit_log;
  audit::AuditFormat audit_format = audit::AuditFormat::kJson;
  // PEM files with further roots (and CRLs) to verify upstreams with.
  std::vector<std::string> upstream_ca;
  std::vector<ConnectTo> connect_to;
  // Null: upstreams are reached directly.
  std::shared_ptr<const upstream::UpstreamProxy> upstream_proxy;
  // Where health and metrics are served; nothing: nowhere.
  std::optional<ListenAddress> admin;
  Limits limits;
};

// The proxy: configuration, credential sources, CA, audit log and worker threads, from start to
// drained. Used from one thread, which must not be a worker.
class Server {
 public:
  // Loads everything, binds every listener and starts the workers. On error nothing keeps running
  // and nothing is left on disk. Errors name the option, file or address and what to do about it;
  // a bad configuration file lists every problem, a line each.
  static absl::StatusOr<std::unique_ptr<Server>> Start(ServerOptions options);

  // Stops at once whatever Drain has not ended.
  virtual ~Server() = default;

  // One for each of ServerOptions::listen: "127.0.0.1:39021" with the real port, or "unix:PATH";
  // then one for each inherited socket for clients that know of the proxy.
  virtual const std::vector<std::string>& listen_addresses() const = 0;
  // As above; empty without ServerOptions::admin.
  virtual const std::string& admin_address() const = 0;
  virtual const std::string& ca_file() const = 0;
  virtual const std::string& ca_bundle_file() const = 0;

  // What a program behind the proxy should have in its environment: for each envVar rule, and for
  // each property of a provider that goes to a variable, the variable and the placeholder; of
  // properties that are no secrets, the value.
  virtual std::vector<std::pair<std::string, std::string>> PlaceholderVariables() const = 0;

  // The files that the attached providers' programs look for, made of placeholders.
  virtual std::vector<ProvidedFile> ProvidedFiles() const = 0;

  // Reads the configuration file and the policy again; also done when either changes. On error the
  // running ones stay. Reopens the audit log.
  virtual absl::Status Reload() = 0;

  // Stops accepting, lets requests in flight end for at most `limit`, then closes. Blocks.
  virtual void Drain(std::chrono::milliseconds limit) = 0;
};

}  // namespace sallyport::proxy

#endif  // SALLYPORT_PROXY_SERVER_SERVER_H_

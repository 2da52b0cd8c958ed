#include "supervisor/captured_ports.h"

#include <iterator>
#include <set>

#include "base/file.h"
#include "base/log.h"
#include "rules/authority.h"
#include "rules/policy.h"
#include "rules/provider_types.h"
#include "rules/proxy_config.h"

namespace sallyport::supervisor {
namespace {

using rules::kHttpPort;
using rules::kHttpsPort;
// Answered inside for its own sake.
constexpr uint16_t kDnsPort = 53;
// Each is a socket that is passed on; one message takes at most 253 (unix(7), SCM_RIGHTS).
constexpr size_t kMaxPorts = 128;
constexpr size_t kMaxConfigSize = size_t{16} * 1024 * 1024;

}  // namespace

std::vector<uint16_t> CapturedPorts(const proxy::ServerOptions& options) {
  std::set<uint16_t> ports;
  if (options.policy != nullptr) ports = options.policy->network.ports();
  absl::StatusOr<std::string> text = options.config_text;
  if (!options.config_file.empty()) text = ReadFile(options.config_file, kMaxConfigSize);
  // What is wrong with the file is for the proxy to say, which reads it next.
  const auto parsed = rules::ParseProxyConfig(text.ok() ? *text : "{}", options.providers);
  if (parsed.rules != nullptr) ports.merge(parsed.rules->NamedPorts());
  ports.erase(kDnsPort);
  // Of too many, these two must not be the ones that are left out.
  ports.erase(kHttpPort);
  ports.erase(kHttpsPort);
  if (ports.size() > kMaxPorts - 2) {
    const auto left_out = std::next(ports.begin(), kMaxPorts - 2);
    log::Warn("run",
              "more ports are named than can be captured; programs that know nothing of the "
              "proxy do not get through on this one and those above",
              {{"port", *left_out}});
    ports.erase(left_out, ports.end());
  }
  ports.insert({kHttpPort, kHttpsPort});
  return {ports.begin(), ports.end()};
}

}  // namespace sallyport::supervisor

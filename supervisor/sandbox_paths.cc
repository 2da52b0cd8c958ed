#include "supervisor/sandbox_paths.h"

#include <unistd.h>

#include <array>

namespace sallyport::supervisor {
namespace {

constexpr std::array kBundles = {
    "/etc/ssl/certs/ca-certificates.crt",                 // Debian, Alpine, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",                   // Fedora
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  // Fedora
    "/etc/ssl/ca-bundle.pem",                             // openSUSE
    "/var/lib/ca-certificates/ca-bundle.pem",             // openSUSE
    "/etc/ssl/cert.pem",                                  // Alpine, LibreSSL
};

}  // namespace

std::vector<PathRule> PathsOf(const rules::FilesystemPolicy& policy, const std::string& workdir) {
  std::vector<PathRule> rules;
  rules.reserve(policy.read_only.size() + policy.read_write.size() + 1);
  for (const std::string& path : policy.read_only) rules.push_back({path, PathAccess::kRead});
  for (const std::string& path : policy.read_write) rules.push_back({path, PathAccess::kReadWrite});
  if (policy.include_workdir) rules.push_back({workdir, PathAccess::kReadWrite});
  return rules;
}

std::vector<std::string> SystemCaBundles() {
  std::vector<std::string> found;
  for (const char* path : kBundles) {
    if (access(path, F_OK) == 0) found.emplace_back(path);
  }
  return found;
}

}  // namespace sallyport::supervisor

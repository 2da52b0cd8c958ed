#include "supervisor/environment.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/ip_address.h"
#include "base/log.h"

namespace sallyport::supervisor {
namespace {

constexpr std::array<std::string_view, 10> kSafe = {
    "HOME", "USER", "LOGNAME", "SHELL", "PATH", "TERM", "COLORTERM", "LANG", "TZ", "TMPDIR"};

// Read by: Go, Python and curl; the same in lower case, which curl alone accepts for http; gRPC.
constexpr std::array<const char*, 7> kProxyVariables = {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY",
                                                        "http_proxy", "https_proxy", "all_proxy",
                                                        "grpc_proxy"};

// Each takes one PEM file. Some use it instead of the system's roots, so it has to hold those too.
constexpr std::array<const char*, 13> kBundleVariables = {
    "SSL_CERT_FILE",  // OpenSSL's default, Go, Ruby, rustls-native-certs
    "NODE_EXTRA_CA_CERTS",
    "DENO_CERT",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "AWS_CA_BUNDLE",
    "PIP_CERT",
    "CARGO_HTTP_CAINFO",
    "npm_config_cafile",
    "BUNDLE_SSL_CA_CERT",
    "NIX_SSL_CERT_FILE",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
};

constexpr const char* kNoProxy = "localhost,127.0.0.1,::1";

bool IsSafe(std::string_view name) {
  return name.starts_with("LC_") || std::find(kSafe.begin(), kSafe.end(), name) != kSafe.end();
}

// Characters that mean themselves to Docker, systemd and a shell alike.
bool IsPlain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("%+,-./:=@_[]^").find(c) != std::string_view::npos;
}

}  // namespace

std::string ProxyAccess::Url() const {
  return fmt::format("http://{}", FormatHostPort(host, port));
}

Environment AccessEnvironment(const ProxyAccess& access) {
  Environment environment;
  for (const char* name : kProxyVariables) environment[name] = access.Url();
  // Node's fetch and https look at the proxy variables only when told to.
  environment["NODE_USE_ENV_PROXY"] = "1";
  environment["NO_PROXY"] = kNoProxy;
  environment["no_proxy"] = kNoProxy;
  for (const char* name : kBundleVariables) environment[name] = access.ca_bundle_file;
  environment["JAVA_TOOL_OPTIONS"] = access.java_tool_options;
  for (const auto& [name, placeholder] : access.placeholders) environment[name] = placeholder;
  return environment;
}

Environment ChildEnvironment(const Environment& host, const ProxyAccess& access,
                             const std::vector<std::string>& requested,
                             const std::string& workdir) {
  Environment environment;
  for (const auto& [name, value] : host) {
    if (IsSafe(name)) environment[name] = value;
  }
  environment["PWD"] = workdir;
  for (const std::string& option : requested) {
    const auto variable = host.find(option);
    if (variable != host.end()) environment[option] = variable->second;
  }
  for (auto& [name, value] : AccessEnvironment(access)) environment[name] = value;
  for (const std::string& option : requested) {
    const size_t equals = option.find('=');
    if (equals != option.npos) environment[option.substr(0, equals)] = option.substr(equals + 1);
  }
  return environment;
}

absl::Status CheckEnvOption(std::string_view text) {
  if (!text.empty() && text[0] != '=') return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("--env '{}' names no variable; use NAME or NAME=VALUE", text));
}

Environment HostEnvironment() {
  Environment environment;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const size_t equals = text.find('=');
    // The first of two entries counts, as for getenv(3); emplace keeps it.
    if (equals == text.npos || equals == 0) continue;
    environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return environment;
}

absl::StatusOr<std::string> EnvFileText(const Environment& environment) {
  std::string lines;
  for (const auto& [name, value] : environment) {
    if (value.find_first_of("\r\n") != value.npos) {
      return absl::InvalidArgumentError(
          fmt::format("{} cannot go into an environment file: its value holds a line break", name));
    }
    if (!std::all_of(value.begin(), value.end(), IsPlain)) {
      log::Warn("env-file",
                "a value holds white space, quotes or shell characters: Docker takes it as it is, "
                "a shell does not",
                {{"variable", name}});
    }
    lines += fmt::format("{}={}\n", name, value);
  }
  return lines;
}

std::vector<std::string> ToStrings(const Environment& environment) {
  std::vector<std::string> strings;
  strings.reserve(environment.size());
  for (const auto& [name, value] : environment)
    strings.push_back(fmt::format("{}={}", name, value));
  return strings;
}

}  // namespace sallyport::supervisor

#include "supervisor/java_files.h"

#include <fmt/core.h>
#include <unistd.h>

#include <filesystem>
#include <vector>

#include "base/file.h"
#include "base/status.h"
#include "ca/java_trust_store.h"

namespace sallyport::supervisor {
namespace {

constexpr size_t kMaxBundle = size_t{16} * 1024 * 1024;
constexpr const char* kTrustStore = "truststore.p12";
constexpr const char* kOptions = "java.options";

}  // namespace

absl::StatusOr<JavaFiles> JavaFiles::Write(const std::string& ca_bundle_file,
                                           const std::string& proxy_host, uint16_t proxy_port,
                                           Lifetime lifetime) {
  ASSIGN_OR_RETURN(const std::string bundle, ReadFile(ca_bundle_file, kMaxBundle));
  ASSIGN_OR_RETURN(const std::string store, ca::MakeJavaTrustStore(bundle));
  JavaFiles files(std::filesystem::path(ca_bundle_file).parent_path().string(), lifetime);
  const std::string store_path = fmt::format("{}/{}", files.folder_, kTrustStore);
  RETURN_IF_ERROR(WriteFileAtomically(store_path, store, 0644));
  files.trust_store_ = store_path;

  // The store needs no password; the JVM wants one named. The list of hosts is Java's own form of
  // NO_PROXY.
  const std::vector<std::string> options = {
      fmt::format("-Djavax.net.ssl.trustStore={}", store_path),
      "-Djavax.net.ssl.trustStoreType=PKCS12",
      "-Djavax.net.ssl.trustStorePassword=changeit",
      fmt::format("-Dhttp.proxyHost={}", proxy_host),
      fmt::format("-Dhttp.proxyPort={}", proxy_port),
      fmt::format("-Dhttps.proxyHost={}", proxy_host),
      fmt::format("-Dhttps.proxyPort={}", proxy_port),
      "-Dhttp.nonProxyHosts=localhost|127.0.0.1|[::1]",
  };
  std::string lines;
  for (const std::string& option : options) {
    // The JVM splits at white space and takes away quotes.
    const std::string quoted =
        option.find_first_of(" \t") == option.npos ? option : fmt::format("\"{}\"", option);
    lines += quoted + "\n";
    files.inline_options_ += files.inline_options_.empty() ? quoted : " " + quoted;
  }
  RETURN_IF_ERROR(WriteFileAtomically(files.options_file(), lines, 0644));
  return files;
}

JavaFiles::JavaFiles(std::string folder, Lifetime lifetime)
    : folder_(std::move(folder)), lifetime_(lifetime) {}

JavaFiles::JavaFiles(JavaFiles&& other) noexcept
    : folder_(std::move(other.folder_)),
      lifetime_(std::exchange(other.lifetime_, Lifetime::kKeep)),
      inline_options_(std::move(other.inline_options_)),
      trust_store_(std::move(other.trust_store_)) {}

JavaFiles::~JavaFiles() {
  if (lifetime_ == Lifetime::kKeep) return;
  for (const char* name : {kTrustStore, kOptions}) {
    unlink(fmt::format("{}/{}", folder_, name).c_str());
  }
}

std::string JavaFiles::options_by_file() const {
  return fmt::format("-XX:VMOptionsFile={}", options_file());
}

std::string JavaFiles::options_file() const { return fmt::format("{}/{}", folder_, kOptions); }

}  // namespace sallyport::supervisor

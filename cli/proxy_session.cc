#include "cli/proxy_session.h"

#include <fmt/core.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string_view>
#include <thread>
#include <utility>

#include "base/file.h"
#include "base/log.h"
#include "base/status.h"
#include "supervisor/environment.h"
#include "supervisor/server_access.h"

namespace sallyport::cli {
namespace {

constexpr std::chrono::seconds kDrainLimit(10);
// Of a process that ended with requests in flight.
constexpr int kExitCutShort = 1;

void LogLines(std::string_view message) {
  while (!message.empty()) {
    const size_t end = std::min(message.find('\n'), message.size());
    log::Error("proxy", message.substr(0, end));
    message.remove_prefix(std::min(end + 1, message.size()));
  }
}

// An error names the option that named the file.
absl::Status WriteNamedFile(std::string_view option, const std::string& path,
                            std::string_view contents, mode_t mode) {
  absl::Status status = WriteFileAtomically(path, contents, mode);
  if (status.ok()) return status;
  return absl::Status(status.code(), fmt::format("{}: {}", option, Message(status)));
}

}  // namespace

ProxySession::~ProxySession() {
  if (ready_ && !options_.ready_file.empty()) unlink(options_.ready_file.c_str());
}

absl::Status ProxySession::Start() {
  supervisor::PrepareForConnections();
  ASSIGN_OR_RETURN(signals_, supervisor::SignalReader::Block({SIGTERM, SIGINT, SIGHUP}));
  // One that an earlier process left would say "ready" too soon.
  if (!options_.ready_file.empty()) unlink(options_.ready_file.c_str());
  ASSIGN_OR_RETURN(server_, proxy::Server::Start(options_.server));
  if (absl::Status status = WriteFiles(); !status.ok()) {
    if (!options_.env_file.empty()) unlink(options_.env_file.c_str());
    return status;
  }
  for (const std::string& address : server_->listen_addresses()) {
    log::Info("proxy", "accepting connections", {{"address", address}});
  }
  return absl::OkStatus();
}

absl::Status ProxySession::WriteFiles() {
  if (!options_.env_file.empty()) RETURN_IF_ERROR(WriteEnvFile());
  // Last: who waits for it may start at once.
  if (!options_.ready_file.empty()) {
    RETURN_IF_ERROR(WriteNamedFile("--ready-file", options_.ready_file,
                                   supervisor::ReadyFileText(*server_), 0644));
  }
  ready_ = true;
  return absl::OkStatus();
}

absl::Status ProxySession::WriteEnvFile() {
  const auto address = supervisor::FindClientAddress(server_->listen_addresses());
  if (!address.has_value()) return absl::InternalError("the proxy has no address to write");
  const auto lifetime = options_.server.ca_dir.empty()
                            ? supervisor::JavaFiles::Lifetime::kRemoveAtEnd
                            : supervisor::JavaFiles::Lifetime::kKeep;
  ASSIGN_OR_RETURN(supervisor::JavaFiles java_files,
                   supervisor::JavaFiles::Write(server_->ca_bundle_file(), address->host,
                                                address->port, lifetime));
  java_files_.emplace(std::move(java_files));
  supervisor::ProxyAccess access = supervisor::MakeProxyAccess(*server_, *address);
  access.java_tool_options = java_files_->options_by_file();
  ASSIGN_OR_RETURN(const std::string text,
                   supervisor::EnvFileText(supervisor::AccessEnvironment(access)));
  return WriteNamedFile("--env-file", options_.env_file, text, 0600);
}

int ProxySession::ServeUntilTold() {
  while (true) {
    if (AwaitSignal() != SIGHUP) break;
    Reload();
  }
  Drain();
  return 0;
}

int ProxySession::AwaitSignal() {
  while (true) {
    if (const auto signal = signals_->Next()) return static_cast<int>(signal->ssi_signo);
    pollfd readable = {signals_->fd(), POLLIN, 0};
    (void)poll(&readable, 1, -1);
  }
}

void ProxySession::Reload() {
  if (const absl::Status status = server_->Reload(); !status.ok()) {
    LogLines(Message(status));
    log::Error("proxy", "the configuration was not reloaded; the running one stays");
    return;
  }
  log::Info("proxy", "the configuration was reloaded");
}

void ProxySession::Drain() {
  log::Info("proxy", "draining", {{"limitSeconds", kDrainLimit.count()}});
  const UniqueFd drained(eventfd(0, EFD_CLOEXEC));
  std::thread impatience([this, &drained] {
    while (true) {
      pollfd fds[] = {{drained.get(), POLLIN, 0}, {signals_->fd(), POLLIN, 0}};
      if (poll(fds, std::size(fds), -1) < 0) continue;
      if (fds[0].revents != 0) return;
      const auto signal = signals_->Next();
      if (!signal.has_value() || signal->ssi_signo == SIGHUP) continue;
      RemoveFiles();
      _exit(kExitCutShort);
    }
  });
  server_->Drain(kDrainLimit);
  const uint64_t one = 1;
  (void)!write(drained.get(), &one, sizeof(one));
  impatience.join();
}

void ProxySession::RemoveFiles() const {
  if (!options_.ready_file.empty()) unlink(options_.ready_file.c_str());
  if (!options_.server.ca_dir.empty()) return;
  // Without --ca-dir the folder is the server's own, fresh one.
  std::error_code ignored;
  std::filesystem::remove_all(std::filesystem::path(server_->ca_file()).parent_path(), ignored);
}

}  // namespace sallyport::cli

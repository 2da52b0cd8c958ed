#include "proxy/audit/audit_log.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fmt/core.h>

#include "absl/time/time.h"
#include "base/log.h"
#include "base/status.h"
#include "proxy/audit/json_lines.h"
#include "proxy/audit/ocsf_lines.h"

namespace sallyport::audit {
namespace {

using std::chrono::steady_clock;

// How long the first record of a batch waits for others.
constexpr absl::Duration kGather = absl::Milliseconds(20);
// For a pipe that is not read. While it waits the queue fills, and then records are dropped.
constexpr std::chrono::milliseconds kPatience{100};
constexpr std::chrono::seconds kPatienceAtExit{1};

absl::Status MakeFoldersAbove(const std::string& path) {
  namespace fs = std::filesystem;
  const fs::path folder = fs::path(path).parent_path();
  // Made one by one: create_directories() would give them the umask's mode.
  fs::path so_far;
  for (const fs::path& part : folder) {
    so_far /= part;
    std::error_code error;
    if (!fs::create_directory(so_far, error)) {
      if (!error || fs::is_directory(so_far)) continue;
      return ErrnoStatus(error.value(), fmt::format("cannot make the folder {} for the audit log",
                                                    so_far.string()));
    }
    fs::permissions(so_far, fs::perms::owner_all, error);
  }
  return absl::OkStatus();
}

std::unique_ptr<const RecordFormat> MakeFormat(const AuditLogOptions& options) {
  if (options.format == AuditFormat::kOcsf) return std::make_unique<OcsfLines>(options.sandbox);
  return std::make_unique<JsonLines>(options.sandbox);
}

}  // namespace

absl::StatusOr<AuditFormat> ParseAuditFormat(std::string_view name) {
  if (name == "json") return AuditFormat::kJson;
  if (name == "ocsf") return AuditFormat::kOcsf;
  return absl::InvalidArgumentError(
      fmt::format("unknown audit format '{}'; use json or ocsf", name));
}

absl::StatusOr<std::unique_ptr<AuditLog>> AuditLog::Open(const std::string& path_or_dash,
                                                         AuditLogOptions options) {
  if (options.make_folders && path_or_dash != "-") {
    RETURN_IF_ERROR(MakeFoldersAbove(path_or_dash));
  }
  ASSIGN_OR_RETURN(std::unique_ptr<Destination> destination,
                   Destination::Open(path_or_dash, options.files));
  options.capacity = std::max<size_t>(options.capacity, 1);
  return std::unique_ptr<AuditLog>(new AuditLog(std::move(destination), std::move(options)));
}

AuditLog::AuditLog(std::unique_ptr<Destination> destination, AuditLogOptions options)
    : options_(std::move(options)),
      format_(MakeFormat(options_)),
      destination_(std::move(destination)) {
  // The writer takes no signal meant for the program, and a closed pipe is an error, not SIGPIPE.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  writer_ = std::thread([this] { Run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

AuditLog::~AuditLog() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.Signal();
  }
  writer_.join();
}

void AuditLog::Record(const AuditRecord& record) {
  static thread_local std::string line;  // it keeps its memory
  line.clear();
  format_->Append(record, &line);
  absl::MutexLock lock(&mutex_);
  if (queue_.records == options_.capacity ||
      line.size() > options_.max_bytes - queue_.text.size()) {
    dropped_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  queue_.text.append(line);
  ++queue_.records;
  // A quarter full is early enough for the writer to be done before the rest fills.
  if (idle_ || queue_.records == std::max<size_t>(options_.capacity / 4, 1)) {
    idle_ = false;
    changed_.Signal();
  }
}

void AuditLog::Reopen() {
  absl::MutexLock lock(&mutex_);
  reopen_ = true;
  changed_.Signal();
}

void AuditLog::Run() {
  Batch batch;
  while (true) {
    const Work work = Collect(&batch);
    WriteBatch(batch);
    batch.Clear();
    if (work.reopen) ReopenNow();
    if (work.stop) break;
  }
  WriteTotals();
}

AuditLog::Work AuditLog::Collect(Batch* batch) {
  absl::MutexLock lock(&mutex_);
  while (queue_.records == 0 && !reopen_ && !stopping_) {
    idle_ = true;
    changed_.Wait(&mutex_);
  }
  idle_ = false;
  // Let more come, unless much is there already or somebody waits.
  const absl::Time until = absl::Now() + kGather;
  while (queue_.records < options_.capacity / 4 && !reopen_ && !stopping_) {
    if (changed_.WaitWithTimeout(&mutex_, until - absl::Now())) break;
  }
  std::swap(*batch, queue_);
  return {.reopen = std::exchange(reopen_, false), .stop = stopping_};
}

void AuditLog::WriteBatch(const Batch& batch) {
  if (batch.records == 0) return;
  if (destination_->WasMoved()) ReopenNow();
  const absl::Status status = WriteText(batch.text);
  if (status.ok()) {
    written_ += batch.records;
    failing_ = false;
    return;
  }
  // Some of them may have got through; they are counted as lost all the same.
  dropped_.fetch_add(batch.records, std::memory_order_relaxed);
  if (!std::exchange(failing_, true)) {
    log::Error("audit", "records are being lost", {{"error", Message(status)}});
  }
}

absl::Status AuditLog::WriteText(std::string_view text) {
  while (true) {
    absl::Status status = destination_->Write(&text, steady_clock::now() + kPatience);
    if (status.ok()) return status;
    if (!give_up_ && Stopping()) give_up_ = steady_clock::now() + kPatienceAtExit;
    if (!absl::IsDeadlineExceeded(status) || (give_up_ && steady_clock::now() >= *give_up_)) {
      destination_->Abandon();
      return status;
    }
  }
}

bool AuditLog::Stopping() {
  absl::MutexLock lock(&mutex_);
  return stopping_;
}

void AuditLog::ReopenNow() {
  if (const absl::Status status = destination_->Reopen(); !status.ok()) {
    log::Error("audit", "the log could not be opened again; the old file stays in use",
               {{"error", Message(status)}});
  }
}

void AuditLog::WriteTotals() {
  AuditRecord record;
  record.event = AuditEvent::kLifecycle;
  std::string text;
  format_->AppendTotals(record, {.written = written_, .dropped = dropped()}, &text);
  const absl::Status status = WriteText(text);
  if (!status.ok() || dropped() > 0) {
    log::Warn("audit", "records were lost", {{"written", written_}, {"dropped", dropped()}});
  }
}

}  // namespace sallyport::audit

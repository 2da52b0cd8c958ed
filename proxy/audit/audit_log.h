#ifndef SALLYPORT_PROXY_AUDIT_AUDIT_LOG_H_
#define SALLYPORT_PROXY_AUDIT_AUDIT_LOG_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "proxy/audit/audit_record.h"  // IWYU pragma: export
#include "proxy/audit/destination.h"
#include "proxy/audit/record_format.h"

namespace sallyport::audit {

enum class AuditFormat { kJson, kOcsf };

// "json" or "ocsf".
absl::StatusOr<AuditFormat> ParseAuditFormat(std::string_view name);

struct AuditLogOptions {
  AuditFormat format = AuditFormat::kJson;
  // Makes the folders above the file, mode 0700, where they are missing.
  bool make_folders = false;
  // Says whether the path may be opened again; null: always.
  std::shared_ptr<FollowedFiles> files = nullptr;
  // Written into every record.
  std::string sandbox = {};
  // How many records, and how many bytes of them, may wait for the writer, who has as much again in
  // its hands. What is never filled is never allocated.
  size_t capacity = 8192;
  size_t max_bytes = size_t{4} * 1024 * 1024;
};

// The audit log: records as lines of JSON, written by a thread of its own so that no event loop
// ever waits for a disk. Each is made a line of text by the thread that has it, whose cache holds
// all it is made of. Lines are queued up to a bound; past it they are dropped and counted. They
// reach the file within about 20 ms, together: a wake-up and a write for each would cost as much as
// a request does.
//
// All functions may be called from any thread.
class AuditLog {
 public:
  // A path, or "-" for standard output. Errors name the path.
  static absl::StatusOr<std::unique_ptr<AuditLog>> Open(const std::string& path_or_dash,
                                                        AuditLogOptions options = {});

  // Writes what is queued and then a lifecycle record with the counts. Waits little more than a
  // second for a pipe that is not read.
  ~AuditLog();
  AuditLog(const AuditLog&) = delete;
  AuditLog& operator=(const AuditLog&) = delete;

  // Queues a record and never blocks for longer than another thread's copying of a line.
  void Record(const AuditRecord& record);

  // Makes the writer open the path again, for a log rotator that sends SIGHUP. A file that was
  // moved is noticed without it. Returns at once; what was queued before goes to the old file.
  void Reopen();

  // Records that did not fit into the queue or could not be written.
  uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  struct Batch {
    std::string text;
    size_t records = 0;

    void Clear() {
      text.clear();
      records = 0;
    }
  };

  AuditLog(std::unique_ptr<Destination> destination, AuditLogOptions options);

  void Run() ABSL_LOCKS_EXCLUDED(mutex_);
  struct Work {
    bool reopen = false;
    bool stop = false;
  };
  // Sleeps until there is something to do; exchanges the queue for the empty `batch`.
  Work Collect(Batch* batch) ABSL_LOCKS_EXCLUDED(mutex_);
  void WriteBatch(const Batch& batch);
  absl::Status WriteText(std::string_view text) ABSL_LOCKS_EXCLUDED(mutex_);
  bool Stopping() ABSL_LOCKS_EXCLUDED(mutex_);
  void ReopenNow();
  void WriteTotals();

  const AuditLogOptions options_;
  const std::unique_ptr<const RecordFormat> format_;

  absl::Mutex mutex_;
  absl::CondVar changed_;
  Batch queue_ ABSL_GUARDED_BY(mutex_);
  bool reopen_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  // The writer sleeps with nothing queued, and the next record must wake it.
  bool idle_ ABSL_GUARDED_BY(mutex_) = false;
  std::atomic<uint64_t> dropped_ = 0;

  // The writer thread's own.
  const std::unique_ptr<Destination> destination_;
  uint64_t written_ = 0;
  bool failing_ = false;
  // Set while stopping: when to stop waiting for a pipe.
  std::optional<SteadyTime> give_up_;

  std::thread writer_;
};

}  // namespace sallyport::audit

#endif  // SALLYPORT_PROXY_AUDIT_AUDIT_LOG_H_

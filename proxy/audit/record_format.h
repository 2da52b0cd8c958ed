#ifndef SALLYPORT_PROXY_AUDIT_RECORD_FORMAT_H_
#define SALLYPORT_PROXY_AUDIT_RECORD_FORMAT_H_

#include <cstdint>
#include <string>

#include "proxy/audit/audit_record.h"

namespace sallyport::audit {

// Said once, at the end of a log.
struct LogTotals {
  uint64_t written = 0;
  uint64_t dropped = 0;
};

// Writes records as lines of text. Thread-safe: each record is made a line by the thread that has
// it, and what that takes is part of a request's CPU time.
class RecordFormat {
 public:
  virtual ~RecordFormat() = default;

  // A record without a time is of now.
  virtual void Append(const AuditRecord& record, std::string* out) const = 0;
  // A lifecycle record that has the counts too.
  virtual void AppendTotals(const AuditRecord& record, const LogTotals& totals,
                            std::string* out) const = 0;
};

}  // namespace sallyport::audit

#endif  // SALLYPORT_PROXY_AUDIT_RECORD_FORMAT_H_

#ifndef SALLYPORT_PROXY_AUDIT_JSON_LINES_H_
#define SALLYPORT_PROXY_AUDIT_JSON_LINES_H_

#include <cstdint>
#include <string>

#include "proxy/audit/audit_record.h"

namespace sallyport::audit {

// What the log itself has to say when it closes.
struct LogTotals {
  uint64_t written = 0;
  uint64_t dropped = 0;
};

// Writes records as JSON objects, one a line, always with the same keys in the same order. One
// thread at a time; about 1 µs a record, since a request's worth of it is part of the proxy's CPU
// time per request.
class JsonLines {
 public:
  // `sandbox` is the name written into every line; empty for none.
  explicit JsonLines(std::string sandbox) : sandbox_(std::move(sandbox)) {}

  void Append(const AuditRecord& record, std::string* out);
  // A lifecycle record that ends with the keys "written" and "dropped".
  void AppendTotals(const AuditRecord& record, const LogTotals& totals, std::string* out);

 private:
  void AppendKeys(const AuditRecord& record, std::string* out);
  void AppendTime(WallTime time, std::string* out);

  const std::string sandbox_;
  // The text of the second last written; nearly all records share theirs with the one before.
  int64_t second_ = -1;
  std::string second_text_;
};

}  // namespace sallyport::audit

#endif  // SALLYPORT_PROXY_AUDIT_JSON_LINES_H_

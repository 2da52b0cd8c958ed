#ifndef SALLYPORT_PROXY_AUDIT_OCSF_LINES_H_
#define SALLYPORT_PROXY_AUDIT_OCSF_LINES_H_

#include <string>
#include <utility>

#include "proxy/audit/record_format.h"

namespace sallyport::audit {

// Events of the Open Cybersecurity Schema Framework 1.3 (schema.ocsf.io): requests as HTTP
// Activity, tunnels and connections that were refused before a request as Network Activity, the
// start and the end as Application Lifecycle, the rest as Base Events. What the schema has no place
// for stands under "unmapped", by the names that JsonLines gives it.
class OcsfLines final : public RecordFormat {
 public:
  // `sandbox` is the client's name in every event; empty for none.
  explicit OcsfLines(std::string sandbox) : sandbox_(std::move(sandbox)) {}

  void Append(const AuditRecord& record, std::string* out) const override;
  void AppendTotals(const AuditRecord& record, const LogTotals& totals,
                    std::string* out) const override;

 private:
  const std::string sandbox_;
};

}  // namespace sallyport::audit

#endif  // SALLYPORT_PROXY_AUDIT_OCSF_LINES_H_

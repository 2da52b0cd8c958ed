#include "proxy/audit/audit_record.h"

namespace sallyport::audit {

void AuditRecord::Clear() {
  time = {};
  event = AuditEvent::kRequest;
  for (std::string* text : {&client, &binary, &method, &scheme, &host, &path, &protocol,
                            &upstream_protocol, &decision, &by, &rule, &error}) {
    text->clear();
  }
  pid.reset();
  port = 0;
  injected.clear();
  status = 0;
  request_bytes = 0;
  response_bytes = 0;
  duration_ms = 0;
  upstream_ms.reset();
  scrubbed = 0;
  scrub_skipped = false;
}

}  // namespace sallyport::audit

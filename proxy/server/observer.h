#ifndef SALLYPORT_PROXY_SERVER_OBSERVER_H_
#define SALLYPORT_PROXY_SERVER_OBSERVER_H_

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "ca/leaf_cache.h"
#include "proxy/admin/admin_server.h"
#include "proxy/admin/exposition.h"
#include "proxy/audit/audit_log.h"
#include "proxy/server/control.h"
#include "proxy/server/worker.h"

namespace sallyport::proxy {

// Answers the admin endpoint for a running server: asks every worker, and waits for those that
// answer in time.
class Observer final : public admin::Subject {
 public:
  // All outlive this object; `audit` may be null.
  Observer(const std::vector<std::unique_ptr<Worker>>* workers, Control* control,
           const ca::LeafCache* leaves, const audit::AuditLog* audit)
      : workers_(workers), control_(control), leaves_(leaves), audit_(audit) {}

  bool IsAlive() override;
  bool IsReady() override { return accepting_; }
  std::string MetricsText() override;

  // From any thread.
  void SetAccepting(bool accepting) { accepting_ = accepting; }

 private:
  // Adds up what the workers report; false if one did not in time.
  bool AskWorkers(admin::Report* report);

  const std::vector<std::unique_ptr<Worker>>* workers_;
  Control* control_;
  const ca::LeafCache* leaves_;
  const audit::AuditLog* audit_;
  std::atomic<bool> accepting_ = false;
};

}  // namespace sallyport::proxy

#endif  // SALLYPORT_PROXY_SERVER_OBSERVER_H_

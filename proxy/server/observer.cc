#include "proxy/server/observer.h"

#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace sallyport::proxy {
namespace {

// A loop that is busy for longer than this does not serve its clients either.
constexpr absl::Duration kAnswerWithin = absl::Seconds(2);

// Shared with the workers, which may answer after nobody waits any more.
struct Answers {
  explicit Answers(size_t workers) : missing(workers) {}

  void Take(const WorkerReport& answer) {
    absl::MutexLock lock(&mutex);
    report.workers.Add(answer.counts);
    for (const auto& [protocol, count] : answer.client_connections) {
      report.client_connections[std::string(protocol)] += count;
    }
    report.pool.idle += answer.pool.idle;
    report.pool.active += answer.pool.active;
    report.pool.http1 += answer.pool.http1;
    report.pool.http2 += answer.pool.http2;
    report.pool.dialling += answer.pool.dialling;
    report.pool.waiting += answer.pool.waiting;
    if (--missing == 0) complete.Signal();
  }

  absl::Mutex mutex;
  absl::CondVar complete;
  admin::Report report ABSL_GUARDED_BY(mutex);
  size_t missing ABSL_GUARDED_BY(mutex);
};

}  // namespace

bool Observer::AskWorkers(admin::Report* report) {
  const auto answers = std::make_shared<Answers>(workers_->size());
  for (const auto& worker : *workers_) {
    worker->Collect([answers](const WorkerReport& answer) { answers->Take(answer); });
  }
  absl::MutexLock lock(&answers->mutex);
  const absl::Time deadline = absl::Now() + kAnswerWithin;
  while (answers->missing > 0 && !answers->complete.WaitWithDeadline(&answers->mutex, deadline)) {
  }
  *report = answers->report;
  return answers->missing == 0;
}

bool Observer::IsAlive() {
  admin::Report report;
  return AskWorkers(&report);
}

std::string Observer::MetricsText() {
  admin::Report report;
  AskWorkers(&report);
  report.upstream_connections = {{"http/1.1", report.pool.http1}, {"h2", report.pool.http2}};
  report.certificates_minted = leaves_->minted();
  for (CredentialState& state : control_->CredentialStates()) {
    report.credentials.push_back(
        {std::move(state.rule), state.has_value, state.age_seconds, state.errors});
  }
  report.policy_version = control_->policy_version();
  report.audit_dropped = audit_ == nullptr ? 0 : audit_->dropped();
  return admin::MetricsText(report);
}

}  // namespace sallyport::proxy

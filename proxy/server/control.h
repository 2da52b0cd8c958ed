#ifndef SALLYPORT_PROXY_SERVER_CONTROL_H_
#define SALLYPORT_PROXY_SERVER_CONTROL_H_

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "base/followed_files.h"
#include "base/unique_fd.h"
#include "gateway-client/credential_sources.h"
#include "proxy/audit/audit_log.h"
#include "proxy/exchange/snapshot.h"
#include "proxy/server/policy_in_force.h"
#include "proxy/server/server.h"
#include "rules/provider_types.h"

namespace sallyport::proxy {

// What a rule's credential is like now; never the value.
struct CredentialState {
  std::string rule;
  bool has_value = false;
  double age_seconds = 0;
  uint64_t errors = 0;
};

// Where the rules come from.
struct ConfigOrigin {
  // proxy-config.json; empty: `text` stands in its place.
  std::string file;
  std::string text;
  rules::Providers providers;
  // Which files may be read again.
  std::shared_ptr<FollowedFiles> files;
};

// Owns the configuration, the policy and the credential sources, and makes a Snapshot of them
// whenever one changes. A thread of its own watches the configuration file and the policy's source,
// and hears of new credential values.
class Control {
 public:
  // `publish` is called with each new snapshot, from Reload's caller or from the control thread,
  // one at a time.
  // `audit`, null for none, is told of each change and outlives this object.
  Control(std::function<void(std::shared_ptr<const Snapshot>)> publish, PolicyInForce policy,
          audit::AuditLog* audit);
  ~Control();
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;

  // Reads the configuration and the credentials, publishes the first snapshot, and starts watching.
  // Errors list every problem of the file, a line each.
  absl::Status Start(ConfigOrigin config);

  // Reads the file and the policy again. On an error what is in force stays.
  absl::Status Reload();

  // As Server's; of what has a value.
  std::vector<std::pair<std::string, std::string>> PlaceholderVariables();
  std::vector<ProvidedFile> ProvidedFiles();

  // By rule.
  std::vector<CredentialState> CredentialStates();
  // Configurations that have come into force.
  uint64_t policy_version() const { return policy_version_; }

 private:
  void Run();
  absl::Status Load(const std::string& text) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Publish() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TakeNewValues();
  void AuditPolicy(std::string_view by, std::string_view outcome)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::string_view ConfigName() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnConfigFileChanged();
  void OnPolicyChanged();
  // Of the rule of that index; as it is in force, where neither the rules nor its value changed.
  std::shared_ptr<const RuleCredential> CredentialOf(size_t index)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  const std::shared_ptr<const sources::CredentialValue>& ValueOfProperty(size_t index) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::string PlaceholderFor(const rules::CredentialRule& rule)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::string PlaceholderFor(const rules::PropertyInUse& used)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::function<void(std::shared_ptr<const Snapshot>)> publish_;
  audit::AuditLog* const audit_;
  UniqueFd wake_;  // eventfd(2)
  std::atomic<bool> stopping_ = false;
  std::atomic<uint64_t> policy_version_ = 0;

  absl::Mutex mutex_;
  ConfigOrigin config_ ABSL_GUARDED_BY(mutex_);
  std::string config_text_ ABSL_GUARDED_BY(mutex_);
  // A changed file that was not taken: reported once.
  std::string refused_text_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const rules::RuleSet> rules_ ABSL_GUARDED_BY(mutex_);
  PolicyInForce policy_ ABSL_GUARDED_BY(mutex_);
  // By rule, then by property in use.
  std::shared_ptr<const sources::ValueTable> values_ ABSL_GUARDED_BY(mutex_);
  // The snapshot in force, and the values it was made of.
  std::shared_ptr<const Snapshot> published_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const sources::ValueTable> published_values_ ABSL_GUARDED_BY(mutex_);
  // By variable or property: made once for a run, so that a reload does not change what the child
  // was given.
  std::map<std::string, std::string> made_placeholders_ ABSL_GUARDED_BY(mutex_);

  std::unique_ptr<sources::CredentialSources> sources_;
  std::thread thread_;
};

}  // namespace sallyport::proxy

#endif  // SALLYPORT_PROXY_SERVER_CONTROL_H_

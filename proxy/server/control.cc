#include "proxy/server/control.h"

#include <fmt/core.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdlib>

#include "base/file.h"
#include "base/log.h"
#include "base/status.h"
#include "gateway-client/file_watch.h"
#include "rules/proxy_config.h"
#include "rules/template.h"

namespace sallyport::proxy {
namespace {

// 10,000 patterns and 1,000 rules have about 300 KiB.
constexpr size_t kMaxConfigSize = size_t{16} * 1024 * 1024;

bool IsAvailable(const std::shared_ptr<const sources::CredentialValue>& value) {
  return value != nullptr && !value->value.empty();
}

std::shared_ptr<const RuleCredential> MakeCredential(const rules::CredentialRule& rule,
                                                     const SecretString& value) {
  auto credential = std::make_shared<RuleCredential>();
  credential->available = !value.empty();
  if (!credential->available) return credential;
  credential->raw = value.Clone();
  credential->written = rule.format.Render(value.Reveal());
  if (rule.scrub != rules::ScrubMode::kOff) {
    const std::array<std::string_view, 1> formatted = {credential->written.Reveal()};
    credential->scrub = scrub::ScrubSet(value.Reveal(), formatted);
  }
  if (rule.target_kind == rules::TargetKind::kQuery) {
    std::string encoded;
    rules::AppendUrlEncoded(credential->written.Reveal(), &encoded);
    credential->written = SecretString(encoded);
    WipeString(&encoded);
  }
  return credential;
}

}  // namespace

Control::Control(std::function<void(std::shared_ptr<const Snapshot>)> publish, PolicyInForce policy,
                 audit::AuditLog* audit)
    : publish_(std::move(publish)),
      audit_(audit),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      policy_(std::move(policy)) {
  if (!wake_) std::abort();  // no descriptor at start: nothing could run
}

Control::~Control() {
  stopping_ = true;
  eventfd_write(wake_.get(), 1);
  if (thread_.joinable()) thread_.join();
  sources_.reset();
}

absl::Status Control::Start(const std::string& config_file) {
  sources_ = std::make_unique<sources::CredentialSources>(
      [this](const std::shared_ptr<const sources::ValueTable>&) { eventfd_write(wake_.get(), 1); });
  {
    absl::MutexLock lock(&mutex_);
    config_file_ = config_file;
    policy_.Begin();
    if (policy_.current() != nullptr) AuditPolicy(policy_.name(), "loaded");
  }
  RETURN_IF_ERROR(Reload());
  thread_ = std::thread([this] { Run(); });
  return absl::OkStatus();
}

absl::Status Control::Reload() {
  absl::MutexLock lock(&mutex_);
  std::string text = "{}";
  if (!config_file_.empty()) {
    ASSIGN_OR_RETURN(text, ReadFile(config_file_, kMaxConfigSize));
  }
  const absl::StatusOr<bool> policy = policy_.Refresh();
  const absl::Status config = Load(text);
  if (!policy.ok()) {
    AuditPolicy(policy_.name(), "refused");
    if (config.ok()) return policy.status();
    return absl::InvalidArgumentError(
        fmt::format("{}\n{}", Message(config), Message(policy.status())));
  }
  if (*policy) {
    AuditPolicy(policy_.name(), "loaded");
    // A good policy does not wait for the configuration to be mended.
    if (!config.ok() && rules_ != nullptr) Publish();
  }
  return config;
}

absl::Status Control::Load(const std::string& text) {
  const rules::ParsedProxyConfig parsed = rules::ParseProxyConfig(text);
  for (const rules::Problem& warning : parsed.warnings) {
    log::Warn("config", rules::FormatProblem(config_file_, warning));
  }
  if (parsed.rules == nullptr) {
    std::string message;
    for (const rules::Problem& problem : parsed.errors) {
      if (!message.empty()) message.push_back('\n');
      message += rules::FormatProblem(config_file_, problem);
    }
    return absl::InvalidArgumentError(message);
  }
  std::vector<rules::CredentialSource> specs;
  for (const rules::CredentialRule& rule : parsed.rules->rules()) specs.push_back(rule.source);
  ASSIGN_OR_RETURN(values_, sources_->Follow(specs));
  rules_ = parsed.rules;
  config_text_ = text;
  Publish();
  ++policy_version_;
  AuditPolicy(ConfigName(), "loaded");
  return absl::OkStatus();
}

std::string Control::PlaceholderFor(const rules::CredentialRule& rule) {
  if (!rule.placeholder.empty()) return rule.placeholder;
  if (rule.source.kind != rules::CredentialSource::Kind::kEnvVar) return {};
  std::string& made = made_placeholders_[rule.source.env_var];
  if (made.empty()) made = rules::MakePlaceholder();
  return made;
}

std::shared_ptr<const RuleCredential> Control::CredentialOf(size_t index) {
  const std::shared_ptr<const sources::CredentialValue>& value = (*values_)[index];
  if (value == nullptr) return nullptr;
  const bool is_in_force =
      published_ != nullptr && published_->rules == rules_ && (*published_values_)[index] == value;
  if (is_in_force) return published_->credentials[index];
  return MakeCredential(rules_->rules()[index], value->value);
}

void Control::Publish() {
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->rules = rules_;
  snapshot->policy = policy_.current();
  std::vector<rules::PlaceholderIndex::Entry> placeholders;
  for (size_t i = 0; i < rules_->rules().size(); ++i) {
    const rules::CredentialRule& rule = rules_->rules()[i];
    snapshot->credentials.push_back(CredentialOf(i));
    std::string placeholder = PlaceholderFor(rule);
    if (!placeholder.empty()) {
      placeholders.push_back({std::move(placeholder), {static_cast<uint16_t>(i)}});
    }
  }
  snapshot->placeholders = rules::PlaceholderIndex(std::move(placeholders));
  snapshot->body_placeholders = BodyPlaceholders(snapshot->placeholders, *rules_);
  published_ = snapshot;
  published_values_ = values_;
  publish_(std::move(snapshot));
}

std::vector<std::pair<std::string, std::string>> Control::PlaceholderVariables() {
  absl::MutexLock lock(&mutex_);
  std::map<std::string, std::string> variables;
  for (size_t i = 0; i < rules_->rules().size(); ++i) {
    const rules::CredentialRule& rule = rules_->rules()[i];
    // A variable that is not set out here stays unset in there: programs choose by what they find.
    if (rule.source.kind != rules::CredentialSource::Kind::kEnvVar || !IsAvailable((*values_)[i])) {
      continue;
    }
    variables.emplace(rule.source.env_var, PlaceholderFor(rule));
  }
  return {variables.begin(), variables.end()};
}

std::vector<CredentialState> Control::CredentialStates() {
  absl::MutexLock lock(&mutex_);
  const SteadyTime now = std::chrono::steady_clock::now();
  const std::vector<uint64_t> failures = sources_->Failures();
  std::vector<CredentialState> states;
  for (size_t i = 0; i < rules_->rules().size(); ++i) {
    CredentialState& state = states.emplace_back();
    state.rule = rules_->rules()[i].name;
    state.errors = i < failures.size() ? failures[i] : 0;
    const std::shared_ptr<const sources::CredentialValue>& value = (*values_)[i];
    state.has_value = IsAvailable(value);
    if (state.has_value) {
      state.age_seconds = std::chrono::duration<double>(now - value->fetched).count();
    }
  }
  return states;
}

void Control::Run() {
  sources::FileWatch watch;
  std::string config_file;
  int policy_fd = -1;
  {
    absl::MutexLock lock(&mutex_);
    config_file = config_file_;
    policy_fd = policy_.fd();
  }
  // What was written between the first reading and now has raised no event.
  if (!config_file.empty()) {
    watch.Add(config_file);
    OnConfigFileChanged();
  }
  OnPolicyChanged();
  while (!stopping_) {
    std::array<pollfd, 3> fds = {
        {{wake_.get(), POLLIN, 0}, {watch.fd(), POLLIN, 0}, {policy_fd, POLLIN, 0}}};
    poll(fds.data(), fds.size(), -1);
    if (stopping_) return;
    if ((fds[0].revents & POLLIN) != 0) {
      eventfd_t count = 0;
      eventfd_read(wake_.get(), &count);
      TakeNewValues();
    }
    if ((fds[1].revents & POLLIN) != 0 && !watch.TakeChanged().empty()) {
      watch.Add(config_file);
      OnConfigFileChanged();
    }
    if ((fds[2].revents & POLLIN) != 0) OnPolicyChanged();
  }
}

void Control::TakeNewValues() {
  absl::MutexLock lock(&mutex_);
  const std::shared_ptr<const sources::ValueTable> old = values_;
  values_ = sources_->Current();
  Publish();
  if (audit_ == nullptr) return;
  for (size_t i = 0; i < values_->size() && i < old->size(); ++i) {
    if ((*values_)[i] == (*old)[i]) continue;
    audit::AuditRecord record;
    record.event = audit::AuditEvent::kCredential;
    record.rule = rules_->rules()[i].name;
    record.decision = IsAvailable((*values_)[i]) ? "changed" : "ended";
    audit_->Record(std::move(record));
  }
}

std::string_view Control::ConfigName() const {
  return config_file_.empty() ? std::string_view("default") : std::string_view(config_file_);
}

void Control::AuditPolicy(std::string_view by, std::string_view outcome) {
  if (audit_ == nullptr) return;
  audit::AuditRecord record;
  record.event = audit::AuditEvent::kPolicy;
  record.by = by;
  record.decision = outcome;
  audit_->Record(std::move(record));
}

void Control::OnConfigFileChanged() {
  absl::MutexLock lock(&mutex_);
  const absl::StatusOr<std::string> text = ReadFile(config_file_, kMaxConfigSize);
  // Gone for the moment while an editor replaces it, or for good: what is in force stays.
  if (!text.ok() || *text == config_text_ || *text == refused_text_) return;
  const absl::Status status = Load(*text);
  if (status.ok()) {
    refused_text_.clear();
    log::Info("config", "reloaded", {{"file", config_file_}});
    return;
  }
  refused_text_ = *text;
  AuditPolicy(ConfigName(), "refused");
  log::Error("config", "the changed file is not used; the old configuration stays",
             {{"file", config_file_}, {"problems", Message(status)}});
}

void Control::OnPolicyChanged() {
  absl::MutexLock lock(&mutex_);
  if (!policy_.TakeChange()) return;
  const absl::StatusOr<bool> changed = policy_.Refresh();
  if (!changed.ok()) {
    AuditPolicy(policy_.name(), "refused");
    log::Error("policy", "the changed policy is not used; the old one stays",
               {{"source", policy_.name()}, {"problems", Message(changed.status())}});
    return;
  }
  if (!*changed) return;
  Publish();
  ++policy_version_;
  AuditPolicy(policy_.name(), "loaded");
  log::Info("policy", "reloaded", {{"source", policy_.name()}});
}

}  // namespace sallyport::proxy

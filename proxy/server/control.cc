#include "proxy/server/control.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>

#include "base/file.h"
#include "base/log.h"
#include "base/status.h"
#include "gateway-client/file_watch.h"
#include "rules/provider_type.h"
#include "rules/proxy_config.h"
#include "rules/template.h"

namespace sallyport::proxy {
namespace {

// 10,000 patterns and 1,000 rules have about 300 KiB.
constexpr size_t kMaxConfigSize = size_t{16} * 1024 * 1024;

bool IsAvailable(const std::shared_ptr<const sources::CredentialValue>& value) {
  return value != nullptr && !value->value.empty();
}

// By rule, then by property in use.
std::vector<rules::CredentialSource> SourcesOf(const rules::RuleSet& rules) {
  std::vector<rules::CredentialSource> sources;
  for (const rules::CredentialRule& rule : rules.rules()) sources.push_back(rule.source);
  for (const rules::PropertyInUse& used : rules.properties()) sources.push_back(used.source);
  return sources;
}

// Whether attached providers have what they cannot be without, and properties look as their types
// say. `values` are of SourcesOf.
absl::Status CheckProperties(const rules::RuleSet& rules, const sources::ValueTable& values) {
  std::string problems;
  const auto add = [&problems](std::string_view problem) {
    problems.append(problems.empty() ? "" : "\n").append(problem);
  };
  for (size_t i = 0; i < rules.properties().size(); ++i) {
    const rules::PropertyInUse& used = rules.properties()[i];
    const rules::ProviderProperty& property = *used.property;
    const auto& value = values[rules.rules().size() + i];
    const std::string variables = fmt::format("{}", fmt::join(used.source.variables, " or "));
    if (!IsAvailable(value)) {
      if (!used.attached || !property.required) continue;
      add(fmt::format("provider {} needs its {}: set {} ({})", used.source.provider, property.name,
                      variables, property.help));
    } else if (!property.Accepts(value->value.Reveal())) {
      add(fmt::format("provider {}: what is in {} is no {} ({})", used.source.provider, variables,
                      property.name, property.help));
    }
  }
  return problems.empty() ? absl::OkStatus() : absl::InvalidArgumentError(problems);
}

// `lookup` gives the values of the names in the rule's format.
std::shared_ptr<const RuleCredential> MakeCredential(const rules::CredentialRule& rule,
                                                     const SecretString& value,
                                                     const rules::Template::Lookup& lookup) {
  auto credential = std::make_shared<RuleCredential>();
  credential->raw = value.Clone();
  credential->written = rule.format.Render(lookup);
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

// Of what a rule needs when part of it cannot be had.
std::shared_ptr<const RuleCredential> Unavailable() {
  auto credential = std::make_shared<RuleCredential>();
  credential->available = false;
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

absl::Status Control::Start(ConfigOrigin config) {
  sources_ = std::make_unique<sources::CredentialSources>(
      config.files,
      [this](const std::shared_ptr<const sources::ValueTable>&) { eventfd_write(wake_.get(), 1); });
  {
    absl::MutexLock lock(&mutex_);
    config_ = std::move(config);
    RETURN_IF_ERROR(policy_.Begin());
    if (policy_.current() != nullptr) AuditPolicy(policy_.name(), "loaded");
  }
  RETURN_IF_ERROR(Reload());
  thread_ = std::thread([this] { Run(); });
  return absl::OkStatus();
}

absl::Status Control::Reload() {
  absl::MutexLock lock(&mutex_);
  std::string text = config_.text;
  if (!config_.file.empty()) {
    ASSIGN_OR_RETURN(text, config_.files->Read(config_.file, kMaxConfigSize));
  }
  const absl::StatusOr<bool> policy = policy_.Refresh();
  absl::Status config = Load(text);
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
  const rules::ParsedProxyConfig parsed = rules::ParseProxyConfig(text, config_.providers);
  for (const rules::Problem& warning : parsed.warnings) {
    log::Warn("config", rules::FormatProblem(ConfigName(), warning));
  }
  if (parsed.rules == nullptr) {
    std::string message;
    for (const rules::Problem& problem : parsed.errors) {
      if (!message.empty()) message.push_back('\n');
      message += rules::FormatProblem(ConfigName(), problem);
    }
    return absl::InvalidArgumentError(message);
  }
  ASSIGN_OR_RETURN(auto values, sources_->Follow(SourcesOf(*parsed.rules)));
  if (absl::Status status = CheckProperties(*parsed.rules, *values); !status.ok()) {
    // Values come by index, so that sources and rules must go together.
    if (rules_ != nullptr) (void)sources_->Follow(SourcesOf(*rules_));
    return status;
  }
  values_ = std::move(values);
  rules_ = parsed.rules;
  config_text_ = text;
  Publish();
  ++policy_version_;
  AuditPolicy(ConfigName(), "loaded");
  return absl::OkStatus();
}

const std::shared_ptr<const sources::CredentialValue>& Control::ValueOfProperty(
    size_t index) const {
  return (*values_)[rules_->rules().size() + index];
}

std::string Control::PlaceholderFor(const rules::CredentialRule& rule) {
  using Kind = rules::CredentialSource::Kind;
  if (!rule.placeholder.empty()) return rule.placeholder;
  if (rule.source.kind != Kind::kEnvVar && rule.source.kind != Kind::kProvider) return {};
  for (const rules::PropertyInUse& used : rules_->properties()) {
    // A variable that a property goes to as well holds one placeholder for both. What becomes of it
    // is for the rule that matches the request to say.
    const std::vector<std::string>& variables = used.property->project;
    const bool shares = rule.source.kind == Kind::kEnvVar
                            ? std::ranges::count(variables, rule.source.env_var) > 0
                            : used.source == rule.source;
    if (shares && used.property->secret) return PlaceholderFor(used);
  }
  if (rule.source.kind == Kind::kProvider) return {};
  std::string& made = made_placeholders_[rule.source.env_var];
  if (made.empty()) made = rules::MakePlaceholder();
  return made;
}

std::string Control::PlaceholderFor(const rules::PropertyInUse& used) {
  // No variable's name has a dot.
  std::string& made =
      made_placeholders_[fmt::format("{}.{}", used.source.provider, used.source.property)];
  if (made.empty()) made = used.property->placeholder.Fill();
  return made;
}

std::shared_ptr<const RuleCredential> Control::CredentialOf(size_t index) {
  const rules::CredentialRule& rule = rules_->rules()[index];
  const sources::ValueTable& values = *values_;
  // The indexes of all the values that it is made of.
  std::vector<size_t> parts = {index};
  for (const auto& further : rule.further) {
    parts.push_back(rules_->rules().size() + further.property);
  }
  bool is_in_force = published_ != nullptr && published_->rules == rules_;
  for (const size_t part : parts) {
    if (values[part] == nullptr) return nullptr;
    is_in_force = is_in_force && (*published_values_)[part] == values[part];
  }
  if (is_in_force) return published_->credentials[index];
  for (const size_t part : parts) {
    if (values[part]->value.empty()) return Unavailable();
  }
  return MakeCredential(rule, values[index]->value, [&](std::string_view name) {
    for (size_t i = 0; i < rule.further.size(); ++i) {
      if (rule.further[i].name == name) return values[parts[i + 1]]->value.Reveal();
    }
    return values[index]->value.Reveal();
  });
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
  // One that no rule owns may go nowhere.
  for (const rules::PropertyInUse& used : rules_->properties()) {
    if (used.property->secret) placeholders.push_back({PlaceholderFor(used), {}});
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
  const auto add = [&variables](const std::vector<std::string>& names, const std::string& value) {
    for (const std::string& name : names) variables.emplace(name, value);
  };
  // A variable that is not set out here stays unset in there: programs choose by what they find.
  for (size_t i = 0; i < rules_->rules().size(); ++i) {
    const rules::CredentialRule& rule = rules_->rules()[i];
    if (!IsAvailable((*values_)[i])) continue;
    if (rule.source.kind == rules::CredentialSource::Kind::kEnvVar) {
      add({rule.source.env_var}, PlaceholderFor(rule));
    } else if (!rule.placeholder.empty()) {
      for (const rules::PropertyInUse& used : rules_->properties()) {
        if (used.source == rule.source) add(used.property->project, rule.placeholder);
      }
    }
  }
  for (size_t i = 0; i < rules_->properties().size(); ++i) {
    const rules::PropertyInUse& used = rules_->properties()[i];
    if (!IsAvailable(ValueOfProperty(i))) continue;
    add(used.property->project, used.property->secret
                                    ? PlaceholderFor(used)
                                    : std::string(ValueOfProperty(i)->value.Reveal()));
  }
  return {variables.begin(), variables.end()};
}

std::vector<ProvidedFile> Control::ProvidedFiles() {
  absl::MutexLock lock(&mutex_);
  std::vector<ProvidedFile> files;
  for (const auto& type : rules_->attached()) {
    // By property; empty where it has no value.
    std::map<std::string, std::string, std::less<>> shown;
    for (size_t i = 0; i < rules_->properties().size(); ++i) {
      const rules::PropertyInUse& used = rules_->properties()[i];
      if (used.source.provider != type->name || !IsAvailable(ValueOfProperty(i))) continue;
      shown[used.property->name] = used.property->secret
                                       ? PlaceholderFor(used)
                                       : std::string(ValueOfProperty(i)->value.Reveal());
    }
    for (const rules::ProviderFile& file : type->files) {
      const SecretString contents = file.contents.Render([&shown](std::string_view name) {
        const auto found = shown.find(name);
        return found == shown.end() ? std::string_view() : std::string_view(found->second);
      });
      files.push_back({.provider = type->name,
                       .path = file.path,
                       .mode = file.mode,
                       .contents = std::string(contents.Reveal()),
                       .file_variable = file.file_variable,
                       .folder_variable = file.folder_variable});
    }
  }
  return files;
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
    config_file = config_.file;
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
  const size_t count = std::min({values_->size(), old->size(), rules_->rules().size()});
  for (size_t i = 0; i < count; ++i) {
    if ((*values_)[i] == (*old)[i]) continue;
    audit::AuditRecord record;
    record.event = audit::AuditEvent::kCredential;
    record.rule = rules_->rules()[i].name;
    record.decision = IsAvailable((*values_)[i]) ? "changed" : "ended";
    audit_->Record(record);
  }
}

std::string_view Control::ConfigName() const {
  return config_.file.empty() ? std::string_view("default") : std::string_view(config_.file);
}

void Control::AuditPolicy(std::string_view by, std::string_view outcome) {
  if (audit_ == nullptr) return;
  audit::AuditRecord record;
  record.event = audit::AuditEvent::kPolicy;
  record.by = by;
  record.decision = outcome;
  audit_->Record(record);
}

void Control::OnConfigFileChanged() {
  absl::MutexLock lock(&mutex_);
  const absl::StatusOr<std::string> text = config_.files->Read(config_.file, kMaxConfigSize);
  absl::Status status = text.status();
  if (text.ok()) {
    if (*text == config_text_ || *text == refused_text_) return;
    status = Load(*text);
    if (status.ok()) {
      refused_text_.clear();
      log::Info("config", "reloaded", {{"file", config_.file}});
      return;
    }
    refused_text_ = *text;
  } else if (!absl::IsFailedPrecondition(status)) {
    return;  // gone for the moment while an editor replaces it, or for good
  }
  AuditPolicy(ConfigName(), "refused");
  log::Error("config", "the changed file is not used; the old configuration stays",
             {{"file", config_.file}, {"problems", Message(status)}});
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

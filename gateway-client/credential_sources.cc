#include "gateway-client/credential_sources.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/synchronization/notification.h"
#include "base/status.h"
#include "gateway-client/command_source.h"
#include "gateway-client/file_source.h"

namespace sallyport::sources {
namespace {

using rules::CredentialSource;

// A provider's property, for messages: the variables are where a user puts it.
std::string DescribeProperty(const CredentialSource& spec) {
  if (spec.variables.empty()) return fmt::format("{} of provider {}", spec.property, spec.provider);
  return fmt::format("{} of provider {} (environment variable {})", spec.property, spec.provider,
                     fmt::join(spec.variables, " or "));
}

// Equal for sources that are one and the same.
std::string SourceKey(const CredentialSource& spec) {
  switch (spec.kind) {
    case CredentialSource::Kind::kEnvVar:
      return "e" + spec.env_var;
    case CredentialSource::Kind::kFile:
      return "f" + spec.file;
    case CredentialSource::Kind::kCommand: {
      std::string key = fmt::format("c{}", spec.ttl.count());
      // No argument holds a NUL.
      for (const std::string& argument : spec.command) key.append(1, '\0').append(argument);
      return key;
    }
    case CredentialSource::Kind::kProvider:
      return std::string("p").append(spec.provider).append(1, '\0').append(spec.property);
  }
  std::abort();
}

std::shared_ptr<const ValueTable> MakeTable(const std::vector<std::shared_ptr<Source>>& sources) {
  auto table = std::make_shared<ValueTable>();
  table->reserve(sources.size());
  // One object, so that tables that say the same are equal.
  static const auto* const unavailable =
      new std::shared_ptr<const CredentialValue>(std::make_shared<CredentialValue>());
  for (const auto& source : sources) {
    const bool nothing_now = source->value() == nullptr && source->was_set();
    table->push_back(nothing_now ? *unavailable : source->value());
  }
  return table;
}

// Milliseconds for poll(2), rounded up so that the deadline has come when it returns.
int PollTimeout(SteadyTime deadline, SteadyTime now) {
  constexpr std::chrono::milliseconds kLongest(60'000);
  if (deadline <= now) return 0;
  if (deadline - now >= kLongest) return static_cast<int>(kLongest.count());
  return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(deadline - now).count());
}

}  // namespace

struct CredentialSources::FollowRequest {
  explicit FollowRequest(const std::vector<CredentialSource>& wanted) : specs(wanted) {}

  const std::vector<CredentialSource>& specs;
  absl::StatusOr<std::shared_ptr<const ValueTable>> answer = absl::UnknownError("");
  absl::Notification answered;
};

CredentialSources::CredentialSources(
    std::shared_ptr<FollowedFiles> files,
    std::function<void(std::shared_ptr<const ValueTable>)> on_change)
    : files_(std::move(files)),
      on_change_(std::move(on_change)),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      table_(std::make_shared<const ValueTable>()) {
  // Without a wake-up descriptor nothing here can work; only a process without any left gets here.
  if (!wake_) std::abort();
  thread_ = std::thread([this] { Run(); });
}

CredentialSources::~CredentialSources() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  Wake();
  thread_.join();
}

absl::StatusOr<std::shared_ptr<const ValueTable>> CredentialSources::Follow(
    const std::vector<CredentialSource>& specs) {
  FollowRequest request(specs);
  {
    absl::MutexLock lock(&mutex_);
    request_ = &request;
  }
  Wake();
  request.answered.WaitForNotification();
  return std::move(request.answer);
}

std::shared_ptr<const ValueTable> CredentialSources::Current() const {
  absl::MutexLock lock(&mutex_);
  return table_;
}

std::vector<uint64_t> CredentialSources::Failures() const {
  absl::MutexLock lock(&mutex_);
  std::vector<uint64_t> failures;
  for (const auto& source : followed_) failures.push_back(source->failures());
  return failures;
}

void CredentialSources::Wake() const {
  const uint64_t one = 1;
  // It fails only when the counter is full, and then a wake-up is under way.
  (void)!write(wake_.get(), &one, sizeof(one));
}

void CredentialSources::Run() {
  // Signals are the main thread's.
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      if (stopping_) return;
    }
    TakeRequest();
    AdvanceAll();
    Publish();
    AnswerRequest();
    Wait();
  }
}

void CredentialSources::TakeRequest() {
  absl::MutexLock lock(&mutex_);
  if (request_ == nullptr) return;
  answering_ = std::exchange(request_, nullptr);
  candidates_.clear();
  for (const CredentialSource& spec : answering_->specs) candidates_.push_back(FindOrMake(spec));
}

std::shared_ptr<Source> CredentialSources::FindOrMake(const CredentialSource& spec) {
  std::shared_ptr<Source>& source = known_[SourceKey(spec)];
  if (source != nullptr) return source;
  switch (spec.kind) {
    case CredentialSource::Kind::kEnvVar:
      source =
          std::make_shared<EnvironmentSource>(fmt::format("environment variable {}", spec.env_var),
                                              std::vector{spec.env_var}, &environment_);
      break;
    case CredentialSource::Kind::kFile:
      source = std::make_shared<FileSource>(spec.file, files_.get(), &file_watch_);
      break;
    case CredentialSource::Kind::kCommand:
      source = std::make_shared<CommandSource>(spec.command, spec.ttl, files_.get());
      break;
    case CredentialSource::Kind::kProvider:
      source = std::make_shared<EnvironmentSource>(DescribeProperty(spec), spec.variables,
                                                   &environment_);
      break;
  }
  return source;
}

void CredentialSources::AdvanceAll() {
  const std::vector<std::string> changed = file_watch_.TakeChanged();
  for (const std::string& path : changed) {
    const auto found = known_.find("f" + path);
    if (found != known_.end()) static_cast<FileSource&>(*found->second).MarkChanged();
  }
  const SteadyTime now = std::chrono::steady_clock::now();
  for (auto& [key, source] : known_) source->Advance(now);
}

void CredentialSources::Publish() {
  std::shared_ptr<const ValueTable> table;
  {
    absl::MutexLock lock(&mutex_);
    table = MakeTable(followed_);
    if (*table == *table_) return;
    table_ = table;
  }
  on_change_(std::move(table));
}

void CredentialSources::AnswerRequest() {
  if (answering_ == nullptr) return;
  std::string problems;
  for (const auto& source : candidates_) {
    if (!source->settled()) return;
    const std::string_view problem = Message(source->unusable());
    // A source that several rules share is reported once.
    if (problem.empty() || problems.find(problem) != problems.npos) continue;
    problems.append(problems.empty() ? "" : "\n").append(problem);
  }
  absl::flat_hash_set<std::shared_ptr<Source>> used;
  {
    absl::MutexLock lock(&mutex_);
    if (problems.empty()) {
      followed_ = std::move(candidates_);
      table_ = MakeTable(followed_);
      answering_->answer = table_;
    } else {
      answering_->answer = absl::InvalidArgumentError(problems);
    }
    used.insert(followed_.begin(), followed_.end());
  }
  candidates_.clear();
  absl::erase_if(known_, [&used](const auto& entry) { return !used.contains(entry.second); });
  std::exchange(answering_, nullptr)->answered.Notify();
}

void CredentialSources::Wait() {
  std::vector<pollfd> fds;
  fds.push_back({wake_.get(), POLLIN, 0});
  if (file_watch_.fd() >= 0) fds.push_back({file_watch_.fd(), POLLIN, 0});
  SteadyTime deadline = SteadyTime::max();
  for (const auto& [key, source] : known_) {
    source->AddPollFds(&fds);
    deadline = std::min(deadline, source->Deadline());
  }
  // Its errors (EINTR, a moment without memory) mean no more than another turn.
  (void)poll(fds.data(), fds.size(), PollTimeout(deadline, std::chrono::steady_clock::now()));
  uint64_t count = 0;
  (void)!read(wake_.get(), &count, sizeof(count));
}

}  // namespace sallyport::sources

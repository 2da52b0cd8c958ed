#ifndef SALLYPORT_GATEWAY_CLIENT_SOURCE_H_
#define SALLYPORT_GATEWAY_CLIENT_SOURCE_H_

#include <poll.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "base/clock.h"
#include "base/secret.h"

namespace sallyport::sources {

// The longest value that counts as usable. It has to fit a request head beside other headers.
inline constexpr size_t kMaxValueSize = size_t{16} * 1024;

struct CredentialValue {
  // Empty: the source is set up but has nothing to give now, and whoever needs it must go without.
  SecretString value;
  SteadyTime fetched;
};

// By index of the specs; null: the source was never set, and counts as if it were not there.
using ValueTable = std::vector<std::shared_ptr<const CredentialValue>>;

// One source being followed: its value now, and what it waits for. Used on the thread of
// CredentialSources alone.
class Source {
 public:
  Source() = default;
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  virtual ~Source() = default;

  // Does whatever is due at `now` without blocking: reads, collects output, starts and ends
  // commands, lets values expire.
  virtual void Advance(SteadyTime now) = 0;
  // When Advance is due again though nothing becomes ready.
  virtual SteadyTime Deadline() const { return SteadyTime::max(); }
  // Appends the descriptors whose readiness makes Advance due.
  virtual void AddPollFds(std::vector<pollfd>* /*fds*/) const {}

  // Whether the first attempt to get a value is over.
  bool settled() const { return settled_; }
  // Null: it has none.
  const std::shared_ptr<const CredentialValue>& value() const { return value_; }
  // Whether there ever was something to read: a variable or file that never existed was never set,
  // a command always is.
  bool was_set() const { return was_set_; }
  // Not OK when the latest thing read cannot be used and there is no value because of it.
  const absl::Status& unusable() const { return unusable_; }
  // How often something that was set could not be read or used. From any thread.
  uint64_t failures() const { return failures_.load(std::memory_order_relaxed); }

 protected:
  void MarkSet() { was_set_ = true; }
  // Takes what was read: a value if it is usable, none if it is empty or unusable. `name` says
  // where it came from. The value object is replaced only where the bytes differ.
  void Accept(SecretString value, std::string_view name, SteadyTime now);
  // There is no value; says why in the log unless it just did.
  void AcceptNone(std::string_view name, std::string_view reason);
  void NoteFailure() { failures_.fetch_add(1, std::memory_order_relaxed); }

 private:
  bool settled_ = false;
  bool was_set_ = false;
  std::shared_ptr<const CredentialValue> value_;
  absl::Status unusable_;
  std::string last_warning_;
  std::atomic<uint64_t> failures_ = 0;
};

// Why a value of this content must not be written into a request; OK if it may. `name` starts the
// message.
absl::Status CheckValue(std::string_view value, std::string_view name);

// `value` without one newline (LF or CR LF) at its end.
std::string_view WithoutFinalNewline(std::string_view value);

}  // namespace sallyport::sources

#endif  // SALLYPORT_GATEWAY_CLIENT_SOURCE_H_

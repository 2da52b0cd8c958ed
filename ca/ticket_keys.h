#ifndef SALLYPORT_CA_TICKET_KEYS_H_
#define SALLYPORT_CA_TICKET_KEYS_H_

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/clock.h"
#include "base/secret.h"
#include "ca/openssl.h"

namespace sallyport::ca {

// The keys that seal session tickets (RFC 5077 §4), shared by every worker so that a client may
// resume on any of them. A new key is made every 12 hours; the one before it still opens tickets,
// and then is wiped: a ticket can be opened for at least 12 and less than 24 hours. Thread-safe.
class TicketKeys {
 public:
  static constexpr std::chrono::hours kRotation{12};
  static constexpr size_t kNameSize = 16;

  struct Key {
    // Sent in the clear at the head of each ticket.
    std::array<uint8_t, kNameSize> name;
    // AES-256-CBC.
    SecretString cipher_key;
    // HMAC-SHA256.
    SecretString mac_key;
    SteadyTime made;
  };

  using Clock = std::function<SteadyTime()>;

  explicit TicketKeys(Clock clock = std::chrono::steady_clock::now);
  TicketKeys(const TicketKeys&) = delete;
  TicketKeys& operator=(const TicketKeys&) = delete;

  // The key for a new ticket.
  std::shared_ptr<const Key> Current();

  struct Found {
    // Null when no key has that name.
    std::shared_ptr<const Key> key;
    // The ticket should be replaced by one under the current key.
    bool renew = false;
  };
  Found Find(std::span<const uint8_t, kNameSize> name);

 private:
  void RotateIfDue() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Clock clock_;
  absl::Mutex mutex_;
  std::shared_ptr<const Key> current_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const Key> previous_ ABSL_GUARDED_BY(mutex_);
};

// Makes a server context seal its tickets with `keys`, which must outlive the context and every SSL
// made from it.
absl::Status InstallTicketKeys(SSL_CTX* context, TicketKeys* keys);

}  // namespace sallyport::ca

#endif  // SALLYPORT_CA_TICKET_KEYS_H_

// Debian's Abseil is not compiled for ThreadSanitizer, which therefore sees no lock in absl::Mutex
// and reports everything that one guards. In this build the linker (ld's --wrap) sends the calls to
// it through here, where ThreadSanitizer is told what they order.

#include <absl/synchronization/mutex.h>
#include <absl/synchronization/notification.h>
#include <sanitizer/tsan_interface.h>

// A call of ours to FUNCTION arrives at __wrap_FUNCTION; __real_FUNCTION is Abseil's.
#define JOIN_INNER(a, b) a##b
#define JOIN(a, b) JOIN_INNER(a, b)
#define REAL(function) JOIN(__real_, function)
#define WRAP(function) JOIN(__wrap_, function)

// NOLINTBEGIN(readability-identifier-naming, bugprone-reserved-identifier): the linker's names.
#define MUTEX_LOCK _ZN4absl7debian35Mutex4LockEv
#define MUTEX_TRY_LOCK _ZN4absl7debian35Mutex7TryLockEv
#define MUTEX_UNLOCK _ZN4absl7debian35Mutex6UnlockEv
#define CONDITION_WAIT _ZN4absl7debian37CondVar4WaitEPNS0_5MutexE
#define CONDITION_WAIT_WITH_DEADLINE \
  _ZN4absl7debian37CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE
#define CONDITION_WAIT_WITH_TIMEOUT \
  _ZN4absl7debian37CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE
#define NOTIFY _ZN4absl7debian312Notification6NotifyEv
#define WAIT_FOR_NOTIFICATION _ZNK4absl7debian312Notification19WaitForNotificationEv
#define WAIT_FOR_NOTIFICATION_WITH_TIMEOUT \
  _ZNK4absl7debian312Notification30WaitForNotificationWithTimeoutENS0_8DurationE

extern "C" {

void REAL(MUTEX_LOCK)(absl::Mutex* mutex);
void WRAP(MUTEX_LOCK)(absl::Mutex* mutex) {
  REAL(MUTEX_LOCK)(mutex);
  __tsan_acquire(mutex);
}

bool REAL(MUTEX_TRY_LOCK)(absl::Mutex* mutex);
bool WRAP(MUTEX_TRY_LOCK)(absl::Mutex* mutex) {
  const bool locked = REAL(MUTEX_TRY_LOCK)(mutex);
  if (locked) __tsan_acquire(mutex);
  return locked;
}

void REAL(MUTEX_UNLOCK)(absl::Mutex* mutex);
void WRAP(MUTEX_UNLOCK)(absl::Mutex* mutex) {
  __tsan_release(mutex);
  REAL(MUTEX_UNLOCK)(mutex);
}

void REAL(CONDITION_WAIT)(absl::CondVar* condition, absl::Mutex* mutex);
void WRAP(CONDITION_WAIT)(absl::CondVar* condition, absl::Mutex* mutex) {
  __tsan_release(mutex);
  REAL(CONDITION_WAIT)(condition, mutex);
  __tsan_acquire(mutex);
}

bool REAL(CONDITION_WAIT_WITH_TIMEOUT)(absl::CondVar* condition, absl::Mutex* mutex,
                                       absl::Duration timeout);
bool WRAP(CONDITION_WAIT_WITH_TIMEOUT)(absl::CondVar* condition, absl::Mutex* mutex,
                                       absl::Duration timeout) {
  __tsan_release(mutex);
  const bool timed_out = REAL(CONDITION_WAIT_WITH_TIMEOUT)(condition, mutex, timeout);
  __tsan_acquire(mutex);
  return timed_out;
}

bool REAL(CONDITION_WAIT_WITH_DEADLINE)(absl::CondVar* condition, absl::Mutex* mutex,
                                        absl::Time deadline);
bool WRAP(CONDITION_WAIT_WITH_DEADLINE)(absl::CondVar* condition, absl::Mutex* mutex,
                                        absl::Time deadline) {
  __tsan_release(mutex);
  const bool timed_out = REAL(CONDITION_WAIT_WITH_DEADLINE)(condition, mutex, deadline);
  __tsan_acquire(mutex);
  return timed_out;
}

void REAL(NOTIFY)(absl::Notification* notification);
void WRAP(NOTIFY)(absl::Notification* notification) {
  __tsan_release(notification);
  REAL(NOTIFY)(notification);
}

void REAL(WAIT_FOR_NOTIFICATION)(const absl::Notification* notification);
void WRAP(WAIT_FOR_NOTIFICATION)(const absl::Notification* notification) {
  REAL(WAIT_FOR_NOTIFICATION)(notification);
  __tsan_acquire(const_cast<absl::Notification*>(notification));
}

bool REAL(WAIT_FOR_NOTIFICATION_WITH_TIMEOUT)(const absl::Notification* notification,
                                              absl::Duration timeout);
bool WRAP(WAIT_FOR_NOTIFICATION_WITH_TIMEOUT)(const absl::Notification* notification,
                                              absl::Duration timeout) {
  const bool notified = REAL(WAIT_FOR_NOTIFICATION_WITH_TIMEOUT)(notification, timeout);
  if (notified) __tsan_acquire(const_cast<absl::Notification*>(notification));
  return notified;
}

}  // extern "C"
// NOLINTEND(readability-identifier-naming, bugprone-reserved-identifier)

#ifndef SALLYPORT_PROXY_NET_MAILBOX_H_
#define SALLYPORT_PROXY_NET_MAILBOX_H_

#include <uv.h>

#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"
#include "proxy/net/event_loop.h"

namespace sallyport::net {

// The one way into a loop from another thread: messages, run on the loop in the order posted.
class Mailbox {
 public:
  using Message = absl::AnyInvocable<void()>;

  // Made and destroyed on the loop's thread, or while the loop does not run.
  explicit Mailbox(EventLoop* loop);
  ~Mailbox();
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  // Callable from any thread while this object lives.
  void Post(Message message);
  // The same, but on the loop's own thread with nothing before it: runs it at once.
  void PostOrRun(Message message);

 private:
  struct Box;

  void Deliver();
  bool IsEmpty();

  EventLoop* loop_;
  absl::Mutex mutex_;
  std::vector<Message> messages_ ABSL_GUARDED_BY(mutex_);
  Box* box_;
};

}  // namespace sallyport::net

#endif  // SALLYPORT_PROXY_NET_MAILBOX_H_

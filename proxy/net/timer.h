#ifndef SALLYPORT_PROXY_NET_TIMER_H_
#define SALLYPORT_PROXY_NET_TIMER_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "proxy/net/event_loop.h"

namespace sallyport::net {

// One deadline that moves often and passes seldom. Moving it later, or stopping it, costs a store:
// the libuv timer is left to fire early once and is then set anew. The callback may destroy the
// timer.
class Timer {
 public:
  // `on_expiry` runs on the loop's thread.
  Timer(EventLoop* loop, std::function<void()> on_expiry);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // (Re)starts: the callback runs once, `timeout` from now.
  void Start(std::chrono::milliseconds timeout);
  void Stop() { deadline_ = 0; }
  bool running() const { return deadline_ != 0; }

 private:
  struct Box;

  void Arm(uint64_t delay_ms);
  void OnFired();

  EventLoop* loop_;
  // In the loop's milliseconds; 0 when stopped.
  uint64_t deadline_ = 0;
  // When the libuv timer fires; 0 when it is not armed.
  uint64_t armed_for_ = 0;
  // Freed by libuv's close callback.
  Box* box_;
};

}  // namespace sallyport::net

#endif  // SALLYPORT_PROXY_NET_TIMER_H_

#ifndef SALLYPORT_BENCH_THROUGHPUT_WIRE_EVENT_LOOP_H_
#define SALLYPORT_BENCH_THROUGHPUT_WIRE_EVENT_LOOP_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "base/unique_fd.h"
#include "bench/throughput/wire/clock.h"

namespace sallyport::bench {

// Something that waits for its socket.
class Watcher {
 public:
  // The socket became readable, writable or failed. The watcher tries everything it still wants to
  // do: the loop is edge-triggered and does not say which of them it was.
  virtual void OnSocketEvent() = 0;

 protected:
  ~Watcher() = default;
};

// epoll(7), edge-triggered: a descriptor is registered once and never changed, so that a request
// costs the load generator no epoll_ctl(2). One thread. A watcher must not be destroyed inside a
// callback of the loop's; it may unregister by closing its descriptor, since a watcher tolerates
// late events.
class EventLoop {
 public:
  EventLoop();

  // Watches `fd` until it is closed. `watcher` outlives the loop's last turn.
  void Watch(int fd, Watcher* watcher);

  // Waits for events until `until` at the latest, for ever without it, and tells the watchers.
  void Turn(std::optional<TimePoint> until);

 private:
  UniqueFd epoll_;
};

}  // namespace sallyport::bench

#endif  // SALLYPORT_BENCH_THROUGHPUT_WIRE_EVENT_LOOP_H_

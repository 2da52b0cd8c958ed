#include "bench/throughput/wire/event_loop.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "bench/throughput/wire/fatal.h"

namespace sallyport::bench {

EventLoop::EventLoop() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_) FatalErrno("epoll_create1");
}

void EventLoop::Watch(int fd, Watcher* watcher) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = watcher;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) FatalErrno("epoll_ctl");
}

void EventLoop::Turn(std::optional<TimePoint> until) {
  timespec timeout{};
  if (until) {
    const auto left = std::max(*until - Clock::now(), Duration::zero());
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
    timeout.tv_sec = seconds.count();
    timeout.tv_nsec = std::chrono::nanoseconds(left - seconds).count();
  }
  std::array<epoll_event, 256> events;
  const int count =
      epoll_pwait2(epoll_.get(), events.data(), events.size(), until ? &timeout : nullptr, nullptr);
  if (count < 0 && errno != EINTR) FatalErrno("epoll_pwait2");
  for (int i = 0; i < count; ++i) static_cast<Watcher*>(events[i].data.ptr)->OnSocketEvent();
}

}  // namespace sallyport::bench

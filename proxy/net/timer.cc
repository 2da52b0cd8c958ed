#include "proxy/net/timer.h"

#include <algorithm>
#include <utility>

#include "proxy/net/uv_status.h"

namespace sallyport::net {

struct Timer::Box {
  uv_timer_t handle;
  Timer* owner;
  // Here, since it may destroy the timer while it runs; the box outlives that.
  std::function<void()> on_expiry;
};

Timer::Timer(EventLoop* loop, std::function<void()> on_expiry)
    : loop_(loop), box_(new Box{{}, this, std::move(on_expiry)}) {
  CheckUv(uv_timer_init(loop->uv(), &box_->handle), "uv_timer_init");
  box_->handle.data = box_;
  // A time-out is never what keeps the program running.
  uv_unref(reinterpret_cast<uv_handle_t*>(&box_->handle));
}

Timer::~Timer() {
  box_->owner = nullptr;
  uv_close(reinterpret_cast<uv_handle_t*>(&box_->handle),
           [](uv_handle_t* handle) { delete static_cast<Box*>(handle->data); });
}

void Timer::Start(std::chrono::milliseconds timeout) {
  // libuv's clock may stand at 0 in tests; a deadline is never 0.
  deadline_ = std::max<uint64_t>(loop_->now_ms() + static_cast<uint64_t>(timeout.count()), 1);
  if (armed_for_ != 0 && armed_for_ <= deadline_) return;
  Arm(static_cast<uint64_t>(timeout.count()));
}

void Timer::Arm(uint64_t delay_ms) {
  armed_for_ = loop_->now_ms() + delay_ms;
  uv_timer_start(
      &box_->handle,
      [](uv_timer_t* handle) {
        if (Timer* owner = static_cast<Box*>(handle->data)->owner; owner != nullptr) {
          owner->OnFired();
        }
      },
      delay_ms, 0);
}

void Timer::OnFired() {
  armed_for_ = 0;
  if (deadline_ == 0) return;
  const uint64_t now = loop_->now_ms();
  if (now < deadline_) {
    Arm(deadline_ - now);
    return;
  }
  deadline_ = 0;
  box_->on_expiry();
}

}  // namespace sallyport::net

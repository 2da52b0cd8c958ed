#include "proxy/net/mailbox.h"

#include <utility>

#include "proxy/net/uv_status.h"

namespace sallyport::net {

struct Mailbox::Box {
  uv_async_t handle;
  Mailbox* owner;
};

Mailbox::Mailbox(EventLoop* loop) : loop_(loop), box_(new Box) {
  CheckUv(uv_async_init(loop->uv(), &box_->handle,
                        [](uv_async_t* handle) {
                          Mailbox* owner = static_cast<Box*>(handle->data)->owner;
                          if (owner != nullptr) owner->Deliver();
                        }),
          "uv_async_init");
  box_->handle.data = box_;
  box_->owner = this;
}

Mailbox::~Mailbox() {
  box_->owner = nullptr;
  uv_close(reinterpret_cast<uv_handle_t*>(&box_->handle),
           [](uv_handle_t* handle) { delete static_cast<Box*>(handle->data); });
}

void Mailbox::Post(Message message) {
  absl::MutexLock lock(&mutex_);
  messages_.push_back(std::move(message));
  // Under the lock: the owner cannot be destroyed between the two.
  if (messages_.size() == 1) uv_async_send(&box_->handle);
}

void Mailbox::PostOrRun(Message message) {
  if (loop_->RunsHere() && IsEmpty()) {
    message();
  } else {
    Post(std::move(message));
  }
}

bool Mailbox::IsEmpty() {
  absl::MutexLock lock(&mutex_);
  return messages_.empty();
}

void Mailbox::Deliver() {
  std::vector<Message> messages;
  {
    absl::MutexLock lock(&mutex_);
    messages.swap(messages_);
  }
  for (Message& message : messages) message();
}

}  // namespace sallyport::net

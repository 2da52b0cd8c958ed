#include "proxy/http/message_buffers.h"

#include <utility>

namespace sallyport::http {
namespace {

// Capacity above this is not worth keeping for the next message.
constexpr size_t kKeepHead = size_t{16} * 1024;

}  // namespace

void MessageBuffers::Clear() {
  if (head.capacity() > kKeepHead) {
    std::string().swap(head);
  } else {
    head.clear();
  }
  arena.Reset();
  headers.Clear();
}

void BufferReturn::operator()(MessageBuffers* buffers) const {
  buffers->Clear();
  std::unique_ptr<MessageBuffers> owned(buffers);
  if (pool->free_.size() < BufferPool::kMaxFree) pool->free_.push_back(std::move(owned));
}

MessageBuffersPtr BufferPool::Take() {
  if (free_.empty()) return MessageBuffersPtr(new MessageBuffers, BufferReturn{this});
  std::unique_ptr<MessageBuffers> buffers = std::move(free_.back());
  free_.pop_back();
  return MessageBuffersPtr(buffers.release(), BufferReturn{this});
}

}  // namespace sallyport::http

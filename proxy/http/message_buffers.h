#ifndef SALLYPORT_PROXY_HTTP_MESSAGE_BUFFERS_H_
#define SALLYPORT_PROXY_HTTP_MESSAGE_BUFFERS_H_

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/arena.h"
#include "proxy/http/header_list.h"
#include "proxy/net/event_loop.h"

namespace sallyport::http {

// What one message needs while it lasts: the bytes of its head, memory for what is edited, its
// field list. Lent by a pool, so that an idle connection holds none and a busy one allocates
// nothing.
struct MessageBuffers {
  std::string head;
  Arena arena;
  HeaderList headers;

  void Clear();
};

class BufferPool;
struct BufferReturn {
  BufferPool* pool = nullptr;
  void operator()(MessageBuffers* buffers) const;
};
using MessageBuffersPtr = std::unique_ptr<MessageBuffers, BufferReturn>;

// One for each worker.
class BufferPool {
 public:
  MessageBuffersPtr Take();

 private:
  friend struct BufferReturn;
  static constexpr size_t kMaxFree = 256;

  std::vector<std::unique_ptr<MessageBuffers>> free_;
};

// How long a peer may take, how much it may send. Each is an option or a constant of the
// configuration; these are the defaults.
struct Limits {
  std::chrono::milliseconds head_timeout = std::chrono::seconds(30);
  std::chrono::milliseconds idle_timeout = std::chrono::seconds(90);
  size_t max_head_bytes = size_t{64} * 1024;
  size_t max_fields = 256;
};

// What the codecs of one worker share.
struct CodecContext {
  net::EventLoop* loop = nullptr;
  BufferPool buffers;
  Limits limits;
  // For putting a head together before it is written in one piece; wiped after use.
  std::string scratch;
};

}  // namespace sallyport::http

#endif  // SALLYPORT_PROXY_HTTP_MESSAGE_BUFFERS_H_

#include "proxy/net/stream_transport.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <utility>

#include "proxy/net/uv_status.h"

namespace sallyport::net {
namespace {

// libuv's uv_write and uv_try_write allocate for more buffers than this.
constexpr size_t kMaxBuffers = 4;
// A full batch leaves at once instead of waiting for the end of the turn: it would not grow into a
// larger system call, and it is still in the cache now.
constexpr size_t kFlushAt = size_t{64} * 1024;
// From here on a write goes straight from the caller's bytes if nothing is queued.
// Above the size of a TLS record, so that records are still gathered.
constexpr size_t kDirectWrite = size_t{32} * 1024;

}  // namespace

struct StreamTransport::Box {
  union {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
  };
  StreamTransport* owner = nullptr;
  // Made for the first, and then kept: most connections are idle, and few ever need one.
  std::unique_ptr<uv_write_t> write;
  std::unique_ptr<uv_shutdown_t> shutdown;
  // The chunks uv_write is reading from.
  std::unique_ptr<Chunk> in_flight;

  ~Box() {
    while (in_flight != nullptr) in_flight = std::move(in_flight->next);
  }
};

StreamTransport::StreamTransport(EventLoop* loop, StreamKind kind, UniqueFd socket)
    : loop_(loop), box_(new Box) {
  if (kind == StreamKind::kTcp) {
    CheckUv(uv_tcp_init(loop->uv(), &box_->tcp), "uv_tcp_init");
    CheckUv(uv_tcp_open(&box_->tcp, socket.Release()), "uv_tcp_open");
    uv_tcp_nodelay(&box_->tcp, 1);
  } else {
    CheckUv(uv_pipe_init(loop->uv(), &box_->pipe, 0), "uv_pipe_init");
    CheckUv(uv_pipe_open(&box_->pipe, socket.Release()), "uv_pipe_open");
  }
  box_->handle.data = box_;
  box_->owner = this;
  loop_->Schedule(this);  // starts reading
}

StreamTransport::~StreamTransport() {
  assert(box_ == nullptr);
  while (head_ != nullptr) head_ = std::move(head_->next);
}

void StreamTransport::Retire() {
  if (box_ == nullptr) return;
  listener_ = nullptr;
  dead_ = true;
  loop_->Cancel(this);
  Box* box = std::exchange(box_, nullptr);
  box->owner = nullptr;
  const uv_close_cb free_box = [](uv_handle_t* handle) { delete static_cast<Box*>(handle->data); };
  if (reset_on_close_ && box->handle.type == UV_TCP && !shutdown_started_ &&
      uv_tcp_close_reset(&box->tcp, free_box) == 0) {
    return;
  }
  uv_close(&box->handle, free_box);
}

WriteResult StreamTransport::Write(std::string_view bytes) {
  assert(loop_->IsCurrentThread());
  if (dead_ || write_failed_ || shutdown_wanted_) return WriteResult::kMore;
  if (queued_ == 0 && !writing_ && bytes.size() >= kDirectWrite) {
    const uv_buf_t buffer =
        uv_buf_init(const_cast<char*>(bytes.data()), static_cast<unsigned>(bytes.size()));
    const int written = uv_try_write(&box_->stream, &buffer, 1);
    if (written > 0) bytes.remove_prefix(static_cast<size_t>(written));
    if (written < 0 && written != UV_EAGAIN) {
      FailWrite(written);
      return WriteResult::kMore;
    }
    if (!bytes.empty()) {
      Append(bytes);
      StartWrite();
    }
  } else {
    Append(bytes);
    if (!writing_ && queued_ >= kFlushAt) Flush();
  }
  if (queued_ < loop_->high_water()) return WriteResult::kMore;
  blocked_ = true;
  return WriteResult::kBlocked;
}

void StreamTransport::Append(std::string_view bytes) {
  queued_ += bytes.size();
  while (!bytes.empty()) {
    if (head_ == nullptr) {
      head_ = loop_->TakeChunk();
      tail_ = head_.get();
    } else if (tail_->room() == 0) {
      tail_->next = loop_->TakeChunk();
      tail_ = tail_->next.get();
    }
    const size_t size = std::min(bytes.size(), tail_->room());
    std::memcpy(tail_->bytes + tail_->end, bytes.data(), size);
    tail_->end += size;
    bytes.remove_prefix(size);
  }
  if (!writing_) loop_->Schedule(this);
}

void StreamTransport::Flush() {
  while (head_ != nullptr && !writing_) {
    std::array<uv_buf_t, kMaxBuffers> buffers;
    unsigned count = 0;
    size_t total = 0;
    for (Chunk* chunk = head_.get(); chunk != nullptr && count < kMaxBuffers;
         chunk = chunk->next.get()) {
      buffers[count++] =
          uv_buf_init(chunk->bytes + chunk->begin, static_cast<unsigned>(chunk->size()));
      total += chunk->size();
    }
    const int written = uv_try_write(&box_->stream, buffers.data(), count);
    if (written < 0 && written != UV_EAGAIN) {
      FailWrite(written);
      return;
    }
    if (written > 0) DropWritten(static_cast<size_t>(written));
    if (written < 0 || static_cast<size_t>(written) < total) StartWrite();
  }
}

void StreamTransport::DropWritten(size_t size) {
  queued_ -= size;
  while (size > 0) {
    const size_t part = std::min(size, head_->size());
    head_->begin += part;
    size -= part;
    if (head_->size() > 0) break;
    std::unique_ptr<Chunk> done = std::move(head_);
    head_ = std::move(done->next);
    loop_->GiveChunk(std::move(done));
  }
  if (head_ == nullptr) tail_ = nullptr;
}

void StreamTransport::StartWrite() {
  std::array<uv_buf_t, kMaxBuffers> buffers;
  unsigned count = 0;
  Chunk* last = nullptr;
  for (Chunk* chunk = head_.get(); chunk != nullptr && count < kMaxBuffers;
       chunk = chunk->next.get()) {
    buffers[count++] =
        uv_buf_init(chunk->bytes + chunk->begin, static_cast<unsigned>(chunk->size()));
    last = chunk;
  }
  std::unique_ptr<Chunk> rest = std::move(last->next);
  box_->in_flight = std::move(head_);
  head_ = std::move(rest);
  if (head_ == nullptr) tail_ = nullptr;
  if (box_->write == nullptr) box_->write = std::make_unique<uv_write_t>();
  box_->write->data = box_;
  writing_ = true;
  const int result = uv_write(box_->write.get(), &box_->stream, buffers.data(), count,
                              [](uv_write_t* write, int status) {
                                Box* box = static_cast<Box*>(write->data);
                                if (box->owner != nullptr) box->owner->OnWritten(status);
                              });
  if (result < 0) {
    writing_ = false;
    FailWrite(result);
  }
}

void StreamTransport::OnWritten(int status) {
  writing_ = false;
  while (box_->in_flight != nullptr) {
    std::unique_ptr<Chunk> done = std::move(box_->in_flight);
    box_->in_flight = std::move(done->next);
    queued_ -= done->size();
    loop_->GiveChunk(std::move(done));
  }
  if (status < 0) {
    FailWrite(status);
    return;
  }
  Flush();
  if (!dead_ && shutdown_wanted_ && queued_ == 0) StartShutdown();
  NoteDrained();
}

void StreamTransport::NoteDrained() {
  if (!blocked_ || dead_ || queued_ > loop_->high_water() / 2) return;
  blocked_ = false;
  drained_ = true;
  loop_->Schedule(this);
}

void StreamTransport::Shutdown(EndKind) {
  if (dead_ || shutdown_wanted_) return;
  shutdown_wanted_ = true;
  loop_->Schedule(this);
}

void StreamTransport::StartShutdown() {
  if (shutdown_started_) return;
  shutdown_started_ = true;
  box_->shutdown = std::make_unique<uv_shutdown_t>();
  box_->shutdown->data = box_;
  const int result =
      uv_shutdown(box_->shutdown.get(), &box_->stream, [](uv_shutdown_t* request, int status) {
        Box* box = static_cast<Box*>(request->data);
        if (box->owner != nullptr) box->owner->OnShutdown(status);
      });
  if (result < 0) Fail(result);
}

void StreamTransport::OnShutdown(int status) {
  // ENOTCONN: the peer was faster; reading tells the rest.
  if (status < 0 && status != UV_ENOTCONN) {
    Fail(status);
  } else if (listener_ != nullptr) {
    listener_->OnShutdownDone();
  }
}

void StreamTransport::Pause(PauseReason reason) {
  paused_ |= static_cast<uint8_t>(reason);
  if (reading_) loop_->Schedule(this);
}

void StreamTransport::Resume(PauseReason reason) {
  paused_ &= static_cast<uint8_t>(~static_cast<uint8_t>(reason));
  if (paused_ == 0 && !reading_) loop_->Schedule(this);
}

void StreamTransport::ApplyReading() {
  const bool wanted = paused_ == 0 && !read_ended_;
  if (wanted == reading_) return;
  reading_ = wanted;
  if (!wanted) {
    uv_read_stop(&box_->stream);
    return;
  }
  uv_read_start(
      &box_->stream,
      [](uv_handle_t* handle, size_t, uv_buf_t* buffer) {
        Box* box = static_cast<Box*>(handle->data);
        // Paused within this turn: no buffer, and libuv stops reading without a system call.
        if (box->owner == nullptr || box->owner->paused_ != 0) {
          *buffer = uv_buf_init(nullptr, 0);
          return;
        }
        const std::span<char> shared = box->owner->loop_->read_buffer();
        *buffer = uv_buf_init(shared.data(), static_cast<unsigned>(shared.size()));
      },
      [](uv_stream_t* stream, ssize_t size, const uv_buf_t* buffer) {
        Box* box = static_cast<Box*>(stream->data);
        if (box->owner == nullptr) return;
        EventLoop* loop = box->owner->loop_;
        box->owner->OnRead(size, buffer);
        loop->EndLongTurn();
      });
}

void StreamTransport::OnRead(ssize_t size, const uv_buf_t* buffer) {
  if (size == 0 || size == UV_ENOBUFS || listener_ == nullptr) return;
  if (size > 0) {
    listener_->OnData({buffer->base, static_cast<size_t>(size)});
    return;
  }
  read_ended_ = true;
  reading_ = false;
  uv_read_stop(&box_->stream);
  if (size == UV_EOF) {
    listener_->OnEnd(EndKind::kClean);
  } else {
    Fail(static_cast<int>(size));
  }
}

// Errors are told from the end of the turn, so that no callback runs inside a call to us.
void StreamTransport::Fail(int error) {
  if (dead_) return;
  dead_ = true;
  pending_error_ = error;
  loop_->Schedule(this);
}

// The peer takes no more, but may have said why before it stopped (a 413, an alert): what it sent
// is read first, and the end of that tells the error. A transport that is not reading tells at
// once.
void StreamTransport::FailWrite(int error) {
  write_failed_ = true;
  while (head_ != nullptr) {
    std::unique_ptr<Chunk> chunk = std::move(head_);
    head_ = std::move(chunk->next);
    loop_->GiveChunk(std::move(chunk));
  }
  tail_ = nullptr;
  queued_ = 0;
  if (read_ended_ || paused_ != 0) Fail(error);
}

void StreamTransport::OnTurnEnd() {
  if (box_ == nullptr) return;
  if (!dead_) {
    Flush();
    if (!dead_ && shutdown_wanted_ && queued_ == 0 && !writing_) StartShutdown();
  }
  if (dead_) {
    uv_read_stop(&box_->stream);
    reading_ = false;
    if (pending_error_ != 0 && listener_ != nullptr) {
      listener_->OnError(TransportError::kReset, uv_strerror(std::exchange(pending_error_, 0)));
    }
    return;
  }
  ApplyReading();
  NoteDrained();
  if (std::exchange(drained_, false) && listener_ != nullptr) listener_->OnDrained();
}

}  // namespace sallyport::net

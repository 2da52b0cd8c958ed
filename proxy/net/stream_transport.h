#ifndef SALLYPORT_PROXY_NET_STREAM_TRANSPORT_H_
#define SALLYPORT_PROXY_NET_STREAM_TRANSPORT_H_

#include <uv.h>

#include <memory>
#include <optional>

#include "base/ip_address.h"
#include "base/unique_fd.h"
#include "proxy/net/event_loop.h"
#include "proxy/net/transport.h"

namespace sallyport::net {

enum class StreamKind : uint8_t { kTcp, kUnix };

// A connected TCP or unix socket.
//
// Output is gathered in chunks and written at the end of the turn with one system call; what the
// kernel does not take goes through uv_write, and the rest queues behind it. Input is read into the
// loop's shared buffer. A transport that is paused and resumed within a turn never tells the
// kernel.
class StreamTransport final : public Transport, private TurnTask {
 public:
  // Takes over a connected, non-blocking socket. TCP gets TCP_NODELAY: what is worth gathering has
  // been gathered.
  StreamTransport(EventLoop* loop, StreamKind kind, UniqueFd socket);
  ~StreamTransport() override;

  void SetListener(TransportListener* listener) override { listener_ = listener; }
  WriteResult Write(std::string_view bytes) override;
  void Shutdown(EndKind kind) override;
  void Pause(PauseReason reason) override;
  void Resume(PauseReason reason) override;
  bool read_ended() const override { return read_ended_; }
  size_t queued_bytes() const override { return queued_; }
  void ResetOnClose() override { reset_on_close_ = true; }
  bool dead() const override { return dead_; }
  void Retire() override;
  EventLoop& loop() override { return *loop_; }

 private:
  struct Box;

  void OnTurnEnd() override;
  void OnRead(ssize_t size, const uv_buf_t* buffer);
  void OnWritten(int status);
  void OnShutdown(int status);
  // Writes as much as the kernel takes; starts a uv_write for the rest.
  void Flush();
  void StartWrite();
  void StartShutdown();
  void DropWritten(size_t size);
  void Append(std::string_view bytes);
  void NoteDrained();
  void Fail(int error);
  void FailWrite(int error);
  void ApplyReading();

  EventLoop* loop_;
  TransportListener* listener_ = nullptr;
  // Holds the libuv handle and the write in flight; freed by the close callback, which may run
  // after this object is gone.
  Box* box_;
  // Queue of chunks not yet given to uv_write.
  std::unique_ptr<Chunk> head_;
  Chunk* tail_ = nullptr;
  size_t queued_ = 0;
  uint8_t paused_ = 0;
  bool reading_ = false;
  bool writing_ = false;  // a uv_write is in flight
  bool blocked_ = false;  // Write said kBlocked; OnDrained is owed
  bool drained_ = false;  // OnDrained is due at the end of the turn
  bool shutdown_wanted_ = false;
  bool shutdown_started_ = false;
  bool read_ended_ = false;
  bool reset_on_close_ = false;
  bool write_failed_ = false;  // what is written from now on is dropped
  bool dead_ = false;
  // Set when a write failed inside a call to us: told at the end of the turn.
  int pending_error_ = 0;
};

}  // namespace sallyport::net

#endif  // SALLYPORT_PROXY_NET_STREAM_TRANSPORT_H_

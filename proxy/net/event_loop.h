#ifndef SALLYPORT_PROXY_NET_EVENT_LOOP_H_
#define SALLYPORT_PROXY_NET_EVENT_LOOP_H_

#include <uv.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <thread>
#include <vector>

namespace sallyport::net {

class EventLoop;

// Something that has work to do at the end of the loop's turn: what was written in many small steps
// leaves in one. A task may be scheduled again while it runs.
class TurnTask {
 public:
  TurnTask() = default;
  TurnTask(const TurnTask&) = delete;
  TurnTask& operator=(const TurnTask&) = delete;

  virtual void OnTurnEnd() = 0;

 protected:
  // A scheduled task must be cancelled (EventLoop::Cancel) before it is destroyed.
  ~TurnTask() = default;

 private:
  friend class EventLoop;
  // Index in the loop's list plus one; 0 when not scheduled.
  size_t slot_ = 0;
};

// An object that may end inside one of its own callbacks. It is retired (no callback after that),
// and destroyed at the end of the turn, when none of its functions is on the stack.
class Retirable {
 public:
  virtual ~Retirable() = default;

  // Gives up every outside reference to this object: no callback runs after it.
  virtual void Retire() = 0;
  virtual EventLoop& loop() = 0;
};

// For unique_ptr: retires the object and leaves it to the loop to destroy.
struct RetireDeleter {
  void operator()(Retirable* object) const;
};
template <typename T>
using RetirePtr = std::unique_ptr<T, RetireDeleter>;

// A block of output bytes. Big enough for one full TLS record (RFC 8446 §5.2: 16384 bytes of
// plaintext, at most 256 of expansion, 5 of header), so that four of them make the largest write
// that libuv does without allocating.
struct Chunk {
  static constexpr size_t kCapacity = size_t{16} * 1024 + 512;

  std::unique_ptr<Chunk> next;
  size_t begin = 0;
  size_t end = 0;
  char bytes[kCapacity];

  size_t size() const { return end - begin; }
  size_t room() const { return kCapacity - end; }
};

// One libuv loop, run by one thread, and what its users share: the read buffers, the chunk pool,
// and the lists of the turn. Everything in it is for the loop's thread alone.
class EventLoop {
 public:
  EventLoop();
  // Closes what is left and runs the loop until every handle is closed.
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Runs until Stop. Binds the loop to the calling thread.
  void Run();
  void Stop();

  uv_loop_t* uv() { return &loop_; }
  // Milliseconds from an arbitrary start, as of the beginning of this turn.
  uint64_t now_ms() const { return uv_now(&loop_); }

  // How much may wait to be written on one transport before its writer is told to stop.
  size_t high_water() const { return high_water_; }
  void set_high_water(size_t bytes) { high_water_ = bytes; }

  // Runs task->OnTurnEnd() before the loop waits again. Scheduling twice is scheduling once.
  void Schedule(TurnTask* task);
  void Cancel(TurnTask* task);
  void DestroyLater(std::unique_ptr<Retirable> object);
  // Ends the turn early if much has gathered: what is to be written is in the cache still, and its
  // chunks are wanted. For the end of an I/O callback, when nothing of ours is on the stack.
  void EndLongTurn() {
    if (tasks_.size() >= kLongTurn) EndTurn();
  }

  // Keeps an object that nobody else owns until Disown, or until the loop ends: then it is given
  // two seconds more.
  void Own(RetirePtr<Retirable> object) { owned_.push_back(std::move(object)); }
  void Disown(Retirable* object);

  // Where sockets read to; valid until the read callback returns.
  std::span<char> read_buffer() { return {read_buffer_.get(), kReadBufferSize}; }
  // Where TLS decrypts to; apart from read_buffer, which still holds the ciphertext then.
  std::span<char> plaintext_buffer() { return {plaintext_buffer_.get(), kReadBufferSize}; }

  std::unique_ptr<Chunk> TakeChunk();
  void GiveChunk(std::unique_ptr<Chunk> chunk);

  // Whether the calling thread runs this loop. From any thread.
  bool RunsHere() const { return thread_.load() == std::this_thread::get_id(); }
  // For debug builds: the same, or the loop does not run yet.
  bool IsCurrentThread() const { return RunsHere() || thread_.load() == std::thread::id(); }

 private:
  static constexpr size_t kReadBufferSize = size_t{64} * 1024;
  // 1 MiB of chunks is kept for reuse.
  static constexpr size_t kMaxFreeChunks = 64;
  static constexpr uint64_t kOwnedGraceMs = 2000;
  // Small enough to stay in the cache, large enough for the streams of an HTTP/2 connection to
  // share records.
  static constexpr size_t kLongTurn = 16;

  void EndTurn();
  void WaitForOwned();

  uv_loop_t loop_;
  // EndTurn runs after I/O callbacks (check) and again before the loop may wait (prepare), so that
  // what timers and close callbacks wrote leaves too.
  uv_prepare_t prepare_;
  uv_check_t check_;
  std::atomic<std::thread::id> thread_;
  bool stopping_ = false;
  size_t high_water_ = size_t{256} * 1024;

  std::vector<TurnTask*> tasks_;
  std::vector<std::unique_ptr<Retirable>> retired_;
  std::vector<RetirePtr<Retirable>> owned_;
  std::unique_ptr<char[]> read_buffer_;
  std::unique_ptr<char[]> plaintext_buffer_;
  std::unique_ptr<Chunk> free_chunks_;
  size_t free_chunk_count_ = 0;
};

}  // namespace sallyport::net

#endif  // SALLYPORT_PROXY_NET_EVENT_LOOP_H_

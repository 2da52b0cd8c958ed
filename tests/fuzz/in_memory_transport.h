#ifndef SALLYPORT_TESTS_FUZZ_IN_MEMORY_TRANSPORT_H_
#define SALLYPORT_TESTS_FUZZ_IN_MEMORY_TRANSPORT_H_

#include <uv.h>

#include <string>
#include <string_view>
#include <utility>

#include "proxy/net/transport.h"
#include "tests/fuzz/fuzz_input.h"

namespace sallyport::fuzz {

class InMemoryTransport;

// The other end of an InMemoryTransport: what the fuzzer plays. Outlives it.
struct Peer {
  InMemoryTransport* transport = nullptr;  // null once it is gone
  std::string written;                     // all that was written to the transport
  std::string received;                    // what has left it
  bool was_reset = false;
  bool saw_end = false;

  bool connected() const { return transport != nullptr; }
};

// A transport as net/transport.h has it, over memory. Checks that its user keeps the contract.
class InMemoryTransport final : public net::Transport, private net::TurnTask {
 public:
  InMemoryTransport(net::EventLoop* loop, Peer* peer) : loop_(loop), peer_(peer) {
    peer_->transport = this;
  }
  ~InMemoryTransport() override { Require(retired_, "a transport is destroyed unretired"); }

  // ---- The peer's side

  bool CanDeliver() const { return paused_ == 0 && !read_ended_ && !dead_; }
  void Deliver(std::string_view bytes) {
    // A copy of exactly this size, so that a view kept beyond the call is caught.
    const std::string copy(bytes);
    Dispatch([&] { listener_->OnData(copy); });
  }
  void End(net::EndKind kind) {
    read_ended_ = true;
    Dispatch([&] { listener_->OnEnd(kind); });
  }
  void Break() {
    dead_ = true;
    Dispatch([&] { listener_->OnError(net::TransportError::kReset, "reset by the peer"); });
  }

  // ---- net::Transport

  void SetListener(net::TransportListener* listener) override { listener_ = listener; }
  net::WriteResult Write(std::string_view bytes) override {
    Require(!retired_, "a write to a retired transport");
    Require(!shut_down_, "a write after the end of the direction");
    peer_->written.append(bytes);
    loop_->Schedule(this);
    if (queued_bytes() < kHighWater) return net::WriteResult::kMore;
    blocked_ = true;
    return net::WriteResult::kBlocked;
  }
  void Shutdown(net::EndKind) override {
    shut_down_ = true;
    peer_->saw_end = true;
    loop_->Schedule(this);
  }
  void Pause(net::PauseReason reason) override { paused_ |= static_cast<uint8_t>(reason); }
  void Resume(net::PauseReason reason) override {
    paused_ &= static_cast<uint8_t>(~static_cast<uint8_t>(reason));
  }
  bool read_ended() const override { return read_ended_; }
  bool dead() const override { return dead_; }
  size_t queued_bytes() const override { return peer_->written.size() - peer_->received.size(); }
  void ResetOnClose() override { peer_->was_reset = true; }

  void Retire() override {
    Require(!retired_, "a transport is retired twice");
    retired_ = true;
    loop_->Cancel(this);
    peer_->transport = nullptr;
  }
  net::EventLoop& loop() override { return *loop_; }

 private:
  // Low, so that a short reply reaches it.
  static constexpr size_t kHighWater = 64;

  template <typename Call>
  void Dispatch(Call call) {
    Require(!retired_ && listener_ != nullptr, "nobody takes what the peer sends");
    call();
  }

  void OnTurnEnd() override {
    peer_->received = peer_->written;
    if (std::exchange(blocked_, false)) listener_->OnDrained();
    if (!retired_ && shut_down_ && !std::exchange(shutdown_told_, true)) {
      listener_->OnShutdownDone();
    }
  }

  net::EventLoop* loop_;
  Peer* peer_;
  net::TransportListener* listener_ = nullptr;
  uint8_t paused_ = 0;
  bool blocked_ = false;
  bool shut_down_ = false;
  bool shutdown_told_ = false;
  bool read_ended_ = false;
  bool dead_ = false;
  bool retired_ = false;
};

// One loop for all inputs, since making one costs more than most inputs do. Never destroyed.
inline net::EventLoop& Loop() {
  static auto* loop = new net::EventLoop;
  return *loop;
}

inline void RunTurn() { uv_run(Loop().uv(), UV_RUN_NOWAIT); }

}  // namespace sallyport::fuzz

#endif  // SALLYPORT_TESTS_FUZZ_IN_MEMORY_TRANSPORT_H_

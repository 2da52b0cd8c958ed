#ifndef SALLYPORT_TESTS_PROXY_HTTP_FAKE_TRANSPORT_H_
#define SALLYPORT_TESTS_PROXY_HTTP_FAKE_TRANSPORT_H_

#include <uv.h>

#include <memory>
#include <string>

#include "proxy/net/transport.h"

namespace sallyport::http {

// What a FakeTransport was told; outlives it.
struct Wire {
  std::string written;
  bool shut_down = false;
  bool reset = false;
  bool retired = false;
  uint8_t paused = 0;
  bool blocked = false;  // Write answers kBlocked
  net::TransportListener* listener = nullptr;

  std::string TakeWritten() { return std::exchange(written, {}); }
};

// The other end is the test.
class FakeTransport final : public net::Transport {
 public:
  FakeTransport(net::EventLoop* loop, Wire* wire) : loop_(loop), wire_(wire) {}

  void SetListener(net::TransportListener* listener) override { wire_->listener = listener; }
  net::WriteResult Write(std::string_view bytes) override {
    wire_->written.append(bytes);
    return wire_->blocked ? net::WriteResult::kBlocked : net::WriteResult::kMore;
  }
  void Shutdown(net::EndKind) override { wire_->shut_down = true; }
  void Pause(net::PauseReason reason) override { wire_->paused |= static_cast<uint8_t>(reason); }
  void Resume(net::PauseReason reason) override {
    wire_->paused &= static_cast<uint8_t>(~static_cast<uint8_t>(reason));
  }
  bool read_ended() const override { return true; }
  // Keeps a lingering close from holding on to it.
  bool dead() const override { return true; }
  size_t queued_bytes() const override { return 0; }
  void ResetOnClose() override { wire_->reset = true; }
  void Retire() override {
    wire_->retired = true;
    wire_->listener = nullptr;
  }
  net::EventLoop& loop() override { return *loop_; }

 private:
  net::EventLoop* loop_;
  Wire* wire_;
};

// Runs what is due at the end of a turn.
inline void RunTurn(net::EventLoop* loop) { uv_run(loop->uv(), UV_RUN_NOWAIT); }

}  // namespace sallyport::http

#endif  // SALLYPORT_TESTS_PROXY_HTTP_FAKE_TRANSPORT_H_

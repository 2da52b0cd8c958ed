#include "proxy/net/stream_transport.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <csignal>
#include <functional>
#include <string>

#include "base/unique_fd.h"
#include "proxy/net/lingering_close.h"

namespace sallyport::net {
namespace {

class TestListener final : public TransportListener {
 public:
  void OnData(std::string_view bytes) override {
    received += bytes;
    if (on_event) on_event();
  }
  void OnEnd(EndKind) override {
    ended = true;
    if (on_event) on_event();
  }
  void OnDrained() override {
    drained = true;
    if (on_event) on_event();
  }
  void OnError(TransportError, const std::string& detail) override {
    error = detail;
    if (on_event) on_event();
  }

  std::string received;
  bool ended = false;
  bool drained = false;
  std::string error;
  std::function<void()> on_event;
};

class StreamTransportTest : public testing::Test {
 protected:
  StreamTransportTest() {
    // As the program does: a broken pipe is an error to handle.
    std::signal(SIGPIPE, SIG_IGN);
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0) std::abort();
    peer_ = UniqueFd(fds[1]);
    transport_ = TransportPtr(new StreamTransport(&loop_, StreamKind::kUnix, UniqueFd(fds[0])));
    transport_->SetListener(&listener_);
  }

  void RunUntil(const std::function<bool()>& done) {
    while (!done()) uv_run(loop_.uv(), UV_RUN_ONCE);
  }
  // What the peer can read now.
  std::string ReadPeer() {
    std::string text;
    char buffer[65536];
    ssize_t size = 0;
    while ((size = read(peer_.get(), buffer, sizeof(buffer))) > 0) {
      text.append(buffer, static_cast<size_t>(size));
    }
    return text;
  }

  EventLoop loop_;
  UniqueFd peer_;
  TestListener listener_;
  TransportPtr transport_;
};

TEST_F(StreamTransportTest, SmallWritesLeaveTogetherAtTheEndOfTheTurn) {
  transport_->Write("one ");
  transport_->Write("two");
  EXPECT_EQ(ReadPeer(), "");
  uv_run(loop_.uv(), UV_RUN_NOWAIT);
  EXPECT_EQ(ReadPeer(), "one two");
  EXPECT_EQ(transport_->queued_bytes(), 0u);
}

TEST_F(StreamTransportTest, TakesAllBytesSaysBlockedAndLaterDrained) {
  const std::string block(100'000, 'x');
  size_t sent = 0;
  WriteResult result = WriteResult::kMore;
  while (result == WriteResult::kMore) {
    result = transport_->Write(block);
    sent += block.size();
  }
  EXPECT_GE(transport_->queued_bytes(), loop_.high_water());
  std::string received;
  RunUntil([&] {
    received += ReadPeer();
    return listener_.drained;
  });
  EXPECT_LE(transport_->queued_bytes(), loop_.high_water() / 2);
  transport_->Shutdown(EndKind::kClean);
  RunUntil([&] {
    received += ReadPeer();
    return received.size() == sent;
  });
  EXPECT_EQ(received, std::string(sent, 'x'));
}

TEST_F(StreamTransportTest, APausedTransportReadsNothingUntilResumed) {
  transport_->Pause(PauseReason::kBackpressure);
  transport_->Pause(PauseReason::kSetup);
  ASSERT_EQ(write(peer_.get(), "hello", 5), 5);
  for (int i = 0; i < 5; ++i) uv_run(loop_.uv(), UV_RUN_NOWAIT);
  transport_->Resume(PauseReason::kBackpressure);
  for (int i = 0; i < 5; ++i) uv_run(loop_.uv(), UV_RUN_NOWAIT);
  EXPECT_EQ(listener_.received, "");
  transport_->Resume(PauseReason::kSetup);
  RunUntil([&] { return !listener_.received.empty(); });
  EXPECT_EQ(listener_.received, "hello");
}

TEST_F(StreamTransportTest, EachDirectionEndsOnItsOwn) {
  shutdown(peer_.get(), SHUT_WR);
  RunUntil([&] { return listener_.ended; });
  transport_->Write("still here");
  uv_run(loop_.uv(), UV_RUN_NOWAIT);
  EXPECT_EQ(ReadPeer(), "still here");
}

TEST_F(StreamTransportTest, MayBeRetiredInItsOwnCallback) {
  listener_.on_event = [this] { transport_.reset(); };
  ASSERT_EQ(write(peer_.get(), "x", 1), 1);
  RunUntil([&] { return transport_ == nullptr; });
  EXPECT_EQ(listener_.received, "x");
}

TEST_F(StreamTransportTest, WhatThePeerSaidBeforeItStoppedReadingIsStillRead) {
  ASSERT_EQ(write(peer_.get(), "413", 3), 3);
  peer_.Reset();
  // Fails with EPIPE, in the same turn that could read the reply.
  transport_->Write("the rest of the body");
  RunUntil([&] { return listener_.ended || !listener_.error.empty(); });
  EXPECT_EQ(listener_.received, "413");
}

TEST_F(StreamTransportTest, ALingeringCloseDeliversWhatIsQueued) {
  const std::string block(900'000, 'y');
  transport_->Write(block);
  LingeringClose(std::move(transport_));
  std::string received;
  RunUntil([&] {
    received += ReadPeer();
    return received.size() == block.size();
  });
  EXPECT_EQ(received, block);
}

}  // namespace
}  // namespace sallyport::net

#include "proxy/net/lingering_close.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "base/unique_fd.h"
#include "proxy/net/stream_transport.h"

namespace sallyport::net {
namespace {

class Listener final : public TransportListener {
 public:
  void OnData(std::string_view) override {}
  void OnEnd(EndKind) override { ended = true; }
  void OnDrained() override {}
  void OnShutdownDone() override { shutdown_done = true; }
  void OnError(TransportError, const std::string&) override {}

  bool ended = false;
  bool shutdown_done = false;
};

class LingeringCloseTest : public testing::Test {
 protected:
  LingeringCloseTest() {
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0) std::abort();
    peer_ = UniqueFd(fds[1]);
    own_fd_ = fds[0];
    transport_ = TransportPtr(new StreamTransport(&loop_, StreamKind::kUnix, UniqueFd(fds[0])));
    transport_->SetListener(&listener_);
  }

  void RunTurns() {
    for (int i = 0; i < 5; ++i) uv_run(loop_.uv(), UV_RUN_NOWAIT);
  }
  bool IsClosed() const { return fcntl(own_fd_, F_GETFD) < 0; }
  // What the peer can read now.
  std::string ReadPeer() {
    char buffer[65536];
    const ssize_t size = read(peer_.get(), buffer, sizeof(buffer));
    return {buffer, size > 0 ? static_cast<size_t>(size) : 0};
  }

  EventLoop loop_;
  UniqueFd peer_;
  int own_fd_ = -1;
  Listener listener_;
  TransportPtr transport_;
};

TEST_F(LingeringCloseTest, SendsWhatIsQueuedAndWaitsForThePeersEnd) {
  transport_->Write("goodbye");
  LingeringClose(std::move(transport_));
  RunTurns();
  EXPECT_EQ(ReadPeer(), "goodbye");
  EXPECT_FALSE(IsClosed());
  peer_ = UniqueFd();
  RunTurns();
  EXPECT_TRUE(IsClosed());
}

TEST_F(LingeringCloseTest, ClosesAtOnceWhereBothDirectionsHadEndedBefore) {
  transport_->Shutdown(EndKind::kClean);
  shutdown(peer_.get(), SHUT_WR);
  RunTurns();
  ASSERT_TRUE(listener_.shutdown_done && listener_.ended);
  LingeringClose(std::move(transport_));
  RunTurns();
  EXPECT_TRUE(IsClosed());
}

TEST_F(LingeringCloseTest, ClosesAtThePeersEndWhereOursWasBefore) {
  transport_->Shutdown(EndKind::kClean);
  RunTurns();
  ASSERT_TRUE(listener_.shutdown_done);
  LingeringClose(std::move(transport_));
  RunTurns();
  EXPECT_FALSE(IsClosed());
  shutdown(peer_.get(), SHUT_WR);
  RunTurns();
  EXPECT_TRUE(IsClosed());
}

TEST_F(LingeringCloseTest, WaitsForNobodyWhereNobodyWaits) {
  transport_->Write("goodbye");
  LingeringClose(std::move(transport_), Patience::kFlushOnly);
  RunTurns();
  EXPECT_EQ(ReadPeer(), "goodbye");
  EXPECT_TRUE(IsClosed());
}

}  // namespace
}  // namespace sallyport::net

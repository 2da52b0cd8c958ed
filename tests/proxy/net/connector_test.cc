#include "proxy/net/connector.h"

#include <gtest/gtest.h>

#include "proxy/net/listener.h"

namespace sallyport::net {
namespace {

class TestListener final : public Connector::Listener {
 public:
  explicit TestListener(EventLoop* loop) : loop_(loop) {}
  void OnConnected(TransportPtr made, const IpAddress& to) override {
    transport = std::move(made);
    address = to;
    loop_->Stop();
  }
  void OnConnectFailed(bool was_timeout, const std::string& why) override {
    timed_out = was_timeout;
    reason = why;
    loop_->Stop();
  }

  TransportPtr transport;
  IpAddress address;
  bool timed_out = false;
  std::string reason;

 private:
  EventLoop* loop_;
};

TEST(ConnectorTest, TakesTheFirstAddressThatAnswers) {
  EventLoop loop;
  const absl::StatusOr<UniqueFd> socket = ListenTcp(*IpAddress::Parse("127.0.0.2"), 0);
  ASSERT_TRUE(socket.ok());
  TestListener listener(&loop);
  // Nobody listens on the first of them.
  RetirePtr<Connector> connector(
      new Connector(&loop, {*IpAddress::Parse("127.0.0.1"), *IpAddress::Parse("127.0.0.2")},
                    LocalPort(socket->get()), std::chrono::seconds(10), &listener));
  loop.Run();
  EXPECT_NE(listener.transport, nullptr) << listener.reason;
  EXPECT_EQ(listener.address.ToString(), "127.0.0.2");
}

TEST(ConnectorTest, SaysWhyNoneAnswered) {
  EventLoop loop;
  uint16_t port = 0;
  {
    const absl::StatusOr<UniqueFd> socket = ListenTcp(*IpAddress::Parse("127.0.0.1"), 0);
    ASSERT_TRUE(socket.ok());
    port = LocalPort(socket->get());
  }
  TestListener listener(&loop);
  RetirePtr<Connector> connector(new Connector(&loop, {*IpAddress::Parse("127.0.0.1")}, port,
                                               std::chrono::seconds(10), &listener));
  loop.Run();
  EXPECT_EQ(listener.transport, nullptr);
  EXPECT_FALSE(listener.timed_out);
  EXPECT_EQ(listener.reason, "127.0.0.1: Connection refused");
}

}  // namespace
}  // namespace sallyport::net

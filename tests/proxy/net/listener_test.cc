#include "proxy/net/listener.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "base/status.h"

namespace sallyport::net {
namespace {

using testing::HasSubstr;

TEST(ListenerTest, AcceptsAndNamesThePeer) {
  EventLoop loop;
  absl::StatusOr<UniqueFd> socket = ListenTcp(*IpAddress::Parse("127.0.0.1"), 0);
  ASSERT_TRUE(socket.ok()) << socket.status();
  std::string peer;
  Listener listener(&loop, socket->get(), [&](UniqueFd, std::string from) {
    peer = std::move(from);
    loop.Stop();
  });
  sockaddr_storage address;
  const socklen_t length =
      IpAddress::Parse("127.0.0.1")->ToSockaddr(LocalPort(socket->get()), &address);
  UniqueFd client(::socket(AF_INET, SOCK_STREAM, 0));
  ASSERT_EQ(connect(client.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
  loop.Run();
  EXPECT_EQ(peer, "127.0.0.1:" + std::to_string(LocalPort(client.get())));
}

TEST(ListenerTest, APortInUseIsNamedWithTheRemedy) {
  const absl::StatusOr<UniqueFd> first = ListenTcp(*IpAddress::Parse("127.0.0.1"), 0);
  ASSERT_TRUE(first.ok());
  const uint16_t port = LocalPort(first->get());
  const absl::StatusOr<UniqueFd> second = ListenTcp(*IpAddress::Parse("127.0.0.1"), port);
  ASSERT_FALSE(second.ok());
  EXPECT_THAT(std::string(Message(second.status())),
              testing::AllOf(HasSubstr("127.0.0.1:" + std::to_string(port)),
                             HasSubstr("choose another port")));
}

TEST(ListenerTest, AUnixSocketIsPrivateAndReplacesAStaleOne) {
  const std::string path = testing::TempDir() + "listener_test_" + std::to_string(getpid());
  absl::StatusOr<UniqueFd> first = ListenUnix(path);
  ASSERT_TRUE(first.ok()) << first.status();
  struct stat info = {};
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_FALSE(ListenUnix(path).ok()) << "somebody listens there";
  first->Reset();
  EXPECT_TRUE(ListenUnix(path).ok()) << "nobody does any more";
  unlink(path.c_str());
}

}  // namespace
}  // namespace sallyport::net

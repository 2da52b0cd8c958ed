#include "supervisor/socket_table.h"

#include <gtest/gtest.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <array>
#include <cstring>
#include <vector>

#include "tests/supervisor/tcp_pair.h"

namespace sallyport::supervisor {
namespace {

SocketTable OpenTable() {
  auto fd = SocketTable::Open();
  EXPECT_TRUE(fd.ok()) << fd.status();
  return SocketTable(*std::move(fd));
}

TEST(SocketTableTest, FindsTheClientsEndInEitherFamily) {
  SocketTable table = OpenTable();
  const std::array<std::array<const char*, 2>, 4> ways = {{{"127.0.0.1", "127.0.0.1"},
                                                           {"::1", "::1"},
                                                           {"::", "127.0.0.1"},
                                                           {"0.0.0.0", "::ffff:127.0.0.1"}}};
  for (const auto& [listen, connect] : ways) {
    const TcpPair pair(listen, connect);
    ASSERT_TRUE(pair.server) << connect;
    const auto inode = table.ClientSocket(pair.ends());
    ASSERT_TRUE(inode.ok()) << inode.status();
    EXPECT_EQ(*inode, pair.inode()) << connect;
  }
}

TEST(SocketTableTest, AClosedEndHasNoInode) {
  SocketTable table = OpenTable();
  TcpPair pair;
  pair.client.Reset();
  EXPECT_EQ(*table.ClientSocket(pair.ends()), 0u);
  pair.server.Reset();
}

TEST(SocketTableTest, AHalfClosedEndIsStillOpen) {
  SocketTable table = OpenTable();
  const TcpPair pair;
  ASSERT_EQ(shutdown(pair.client.get(), SHUT_WR), 0);
  EXPECT_EQ(*table.ClientSocket(pair.ends()), pair.inode());
}

TEST(SocketTableTest, AListenerIsNotTakenForAClient) {
  SocketTable table = OpenTable();
  const TcpPair pair;
  // As if the client's port were the listener's: the kernel then tells of that.
  proxy::ConnectionEnds ends = pair.ends();
  ends.client = ends.proxy;
  ends.proxy.port = 1;
  EXPECT_EQ(*table.ClientSocket(ends), 0u);
}

class SocketAnswerTest : public ::testing::Test {
 protected:
  SocketAnswerTest() {
    message_.header.nlmsg_len = sizeof(message_);
    message_.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
    message_.header.nlmsg_seq = 5;
    message_.socket.idiag_family = AF_INET;
    message_.socket.idiag_state = TCP_ESTABLISHED;
    message_.socket.id.idiag_sport = htons(4711);
    message_.socket.id.idiag_dport = htons(80);
    message_.socket.id.idiag_src[0] = htonl(0x7f000001);
    message_.socket.id.idiag_dst[0] = htonl(0x7f000002);
    message_.socket.idiag_inode = 99;
  }

  SocketAnswer Parse(size_t size) {
    std::vector<char> bytes(sizeof(message_));
    std::memcpy(bytes.data(), &message_, sizeof(message_));
    bytes.resize(size);
    return ParseSocketAnswer(bytes, 5, ends_);
  }
  SocketAnswer Parse() { return Parse(sizeof(message_)); }

  struct {
    nlmsghdr header;
    inet_diag_msg socket;
  } message_ = {};
  const proxy::ConnectionEnds ends_ = {{IpAddress::V4({127, 0, 0, 1}), 4711},
                                       {IpAddress::V4({127, 0, 0, 2}), 80}};
};

TEST_F(SocketAnswerTest, TellsTheInode) {
  const SocketAnswer answer = Parse();
  EXPECT_TRUE(answer.is_ours);
  EXPECT_EQ(answer.error, 0);
  EXPECT_EQ(answer.inode, 99u);
}

TEST_F(SocketAnswerTest, OtherEndsAreNoAnswer) {
  message_.socket.id.idiag_dport = htons(81);
  EXPECT_EQ(Parse().inode, 0u);
  message_.socket.id.idiag_dport = htons(80);
  message_.socket.id.idiag_src[0] = 0;
  EXPECT_EQ(Parse().inode, 0u);
}

TEST_F(SocketAnswerTest, WhatIsNotConnectedIsNoClient) {
  for (const uint8_t state : {TCP_SYN_SENT, TCP_SYN_RECV, TCP_TIME_WAIT, TCP_CLOSE, TCP_LISTEN}) {
    message_.socket.idiag_state = state;
    EXPECT_EQ(Parse().inode, 0u) << int{state};
  }
}

TEST_F(SocketAnswerTest, OfAnEarlierQuestionIsNotOurs) {
  message_.header.nlmsg_seq = 4;
  EXPECT_FALSE(Parse().is_ours);
}

TEST_F(SocketAnswerTest, WhatIsCutShortHasNoInode) {
  for (size_t size = 0; size < sizeof(message_); ++size) {
    EXPECT_EQ(Parse(size).inode, 0u) << size;
  }
  message_.header.nlmsg_len = NLMSG_HDRLEN;
  EXPECT_EQ(Parse().error, EPROTO);
}

TEST_F(SocketAnswerTest, TellsErrors) {
  message_.header.nlmsg_type = NLMSG_ERROR;
  const int error = -ENOENT;
  std::memcpy(&message_.socket, &error, sizeof(error));
  EXPECT_EQ(Parse().error, ENOENT);
}

}  // namespace
}  // namespace sallyport::supervisor

#include "supervisor/channel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "base/status.h"

namespace sallyport::supervisor {
namespace {

TEST(ChannelTest, CarriesFieldsOfAnyBytesAndSizes) {
  auto ends = Channel::MakePair();
  ASSERT_TRUE(ends.ok()) << ends.status();
  const ForkMessage sent{ForkMessage::Kind::kSpawn,
                         {"", std::string("a\0b", 3), std::string(3'000'000, 'x'), "last"}};
  // Larger than a socket's buffer, so that both ends must be at work.
  std::thread sender([&] { EXPECT_TRUE(ends->first.Send(sent).ok()); });
  const auto received = ends->second.Receive();
  sender.join();
  ASSERT_TRUE(received.ok()) << received.status();
  EXPECT_EQ(received->kind, sent.kind);
  EXPECT_EQ(received->fields, sent.fields);
}

TEST(ChannelTest, KeepsMessagesApart) {
  auto ends = Channel::MakePair();
  ASSERT_TRUE(ends.ok());
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(ends->first.Send({ForkMessage::Kind::kSignal, {std::to_string(i)}}).ok());
  }
  for (int i = 0; i < 3; ++i) {
    const auto received = ends->second.Receive();
    ASSERT_TRUE(received.ok());
    EXPECT_EQ(FieldNumber(*received, 0), i);
  }
}

TEST(ChannelTest, AClosedOtherEndIsAnErrorAndNoSignal) {
  auto ends = Channel::MakePair();
  ASSERT_TRUE(ends.ok());
  { const Channel closing = std::move(ends->second); }
  EXPECT_FALSE(ends->first.Send({ForkMessage::Kind::kSignal, {"1"}}).ok());
  EXPECT_TRUE(absl::IsNotFound(ends->first.Receive().status()));
}

TEST(ChannelTest, RefusesWhatIsTooLargeToReceive) {
  auto ends = Channel::MakePair();
  ASSERT_TRUE(ends.ok());
  const std::string huge(17 * 1024 * 1024, 'x');
  EXPECT_FALSE(ends->first.Send({ForkMessage::Kind::kSpawn, {huge}}).ok());
}

TEST(ChannelTest, FieldNumbersAreWholeDecimalNumbers) {
  const ForkMessage message{ForkMessage::Kind::kSignal, {"15", "-1", "", "1x", " 1"}};
  EXPECT_EQ(FieldNumber(message, 0), 15);
  EXPECT_EQ(FieldNumber(message, 1), -1);
  for (size_t index : {2u, 3u, 4u, 5u}) EXPECT_EQ(FieldNumber(message, index), std::nullopt);
}

}  // namespace
}  // namespace sallyport::supervisor

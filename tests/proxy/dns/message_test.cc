#include "proxy/dns/message.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace sallyport::dns {
namespace {

using std::string_literals::operator""s;

const std::string kHeader = "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"s;
const std::string kName =
    "\x03"
    "Api\x04test\x00"s;  // clang-format off
const std::string kAIn = "\x00\x01\x00\x01"s;  // clang-format on

TEST(DnsMessageTest, ReadsOneQuestion) {
  const std::string bytes = kHeader + kName + kAIn;
  const auto query = ParseQuery(bytes);
  ASSERT_TRUE(query.has_value());
  EXPECT_EQ(query->refusal, ReplyCode::kNoError);
  EXPECT_EQ(query->id, 0x1234);
  EXPECT_EQ(query->name, "Api.test");
  EXPECT_EQ(query->type, RecordType::kA);
}

TEST(DnsMessageTest, TakesNoNoticeOfWhatFollowsTheQuestion) {
  const std::string edns = "\x00\x00\x29\x10\x00\x00\x00\x00\x00\x00\x00"s;
  std::string bytes = kHeader + kName + kAIn + edns;
  bytes[11] = 1;
  EXPECT_EQ(ParseQuery(bytes)->refusal, ReplyCode::kNoError);
}

TEST(DnsMessageTest, DoesNotAnswerWhatIsNoQuery) {
  EXPECT_FALSE(ParseQuery("").has_value());
  EXPECT_FALSE(ParseQuery(kHeader.substr(0, 11)).has_value());
  std::string reply = kHeader + kName + kAIn;
  reply[2] = '\x81';
  EXPECT_FALSE(ParseQuery(reply).has_value());
}

TEST(DnsMessageTest, RefusesWhatIsMalformed) {
  const std::string two_questions = "\x12\x34\x01\x00\x00\x02\x00\x00\x00\x00\x00\x00"s;
  const std::string none = "\x12\x34\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00"s;
  const std::string long_label(63, 'a');
  const std::string label = "\x3f" + long_label;
  const std::string cases[] = {
      kHeader,
      none,
      two_questions + kName + kAIn + kName + kAIn,
      kHeader + kName + "\x00\x01"s,
      kHeader + kName.substr(0, kName.size() - 1),
      kHeader + "\xc0\x0c"s + kAIn,
      kHeader + "\x40" + std::string(64, 'a') + "\0"s + kAIn,
      kHeader + label + label + label + label + "\0"s + kAIn,
      kHeader +
          "\x03"
          "a.b\x00"s +
          kAIn,
      kHeader +
          "\x03"
          "a\0b\x00"s +
          kAIn,
  };
  for (const std::string& bytes : cases) {
    const auto query = ParseQuery(bytes);
    ASSERT_TRUE(query.has_value());
    EXPECT_EQ(query->refusal, ReplyCode::kFormatError) << testing::PrintToString(bytes);
  }
}

TEST(DnsMessageTest, RefusesOtherClassesAndOperations) {
  const std::string chaos = kHeader + kName + "\x00\x10\x00\x03"s;
  EXPECT_EQ(ParseQuery(chaos)->refusal, ReplyCode::kRefused);
  std::string update = kHeader + kName + kAIn;
  update[2] = '\x28';
  EXPECT_EQ(ParseQuery(update)->refusal, ReplyCode::kNotImplemented);
}

TEST(DnsMessageTest, EncodesAnAddress) {
  const std::string bytes = kHeader + kName + kAIn;
  const auto query = ParseQuery(bytes);
  EXPECT_EQ(EncodeReply(*query, ReplyCode::kNoError, IpAddress::Parse("198.18.0.1"), 60),
            "\x12\x34\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00"s + kName + kAIn +
                "\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc6\x12\x00\x01"s);
}

TEST(DnsMessageTest, EncodesARefusalWithoutAQuestion) {
  const auto query = ParseQuery(kHeader);
  EXPECT_EQ(EncodeReply(*query, ReplyCode::kFormatError, std::nullopt, 60),
            "\x12\x34\x81\x81\x00\x00\x00\x00\x00\x00\x00\x00"s);
}

}  // namespace
}  // namespace sallyport::dns

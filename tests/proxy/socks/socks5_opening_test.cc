#include "proxy/socks/socks5_opening.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace sallyport::socks {
namespace {

using Status = Socks5Opening::Status;

constexpr std::string_view kGreeting("\x05\x01\x00", 3);
constexpr std::string_view kChosen("\x05\x00", 2);

std::string NameRequest(std::string_view name, std::string_view port = "\x01\xbb") {
  std::string bytes("\x05\x01\x00\x03", 4);
  bytes.push_back(static_cast<char>(name.size()));
  return bytes.append(name).append(port);
}

struct Outcome {
  Status status;
  std::string output;
  std::string rest;
  std::string target;
};

Outcome Open(std::string_view input) {
  Socks5Opening opening;
  Outcome outcome{Status::kNeedMore, {}, {}, {}};
  outcome.status = opening.Consume(&input, &outcome.output);
  outcome.rest = input;
  if (outcome.status == Status::kRequest) outcome.target = opening.target().ToString();
  return outcome;
}

TEST(Socks5Opening, ReadsEveryAddressType) {
  const struct {
    std::string request;
    std::string target;
  } cases[] = {
      {NameRequest("API.Test."), "api.test:443"},
      {NameRequest("127.1"), "127.0.0.1:443"},
      {NameRequest("2001:db8::1"), "[2001:db8::1]:443"},
      {NameRequest("b\xc3\xbc"
                   "cher.test"),
       "xn--bcher-kva.test:443"},
      {std::string("\x05\x01\x00\x01\xc0\x00\x02\x07\x00\x50", 10), "192.0.2.7:80"},
      {std::string("\x05\x01\x00\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x1f\x90", 22),
       "[2001:db8::1]:8080"},
      {std::string("\x05\x01\x00\x04\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\x01\0\x50", 22),
       "127.0.0.1:80"},
  };
  for (const auto& test : cases) {
    const Outcome outcome = Open(std::string(kGreeting) + test.request);
    EXPECT_EQ(outcome.status, Status::kRequest) << test.target;
    EXPECT_EQ(outcome.target, test.target);
    EXPECT_EQ(outcome.output, kChosen);
  }
}

TEST(Socks5Opening, TakesOneByteAtATimeAndLeavesWhatFollows) {
  const std::string bytes = std::string(kGreeting) + NameRequest("a.test") + "\x16\x03";
  Socks5Opening opening;
  std::string held;
  std::string output;
  size_t used = 0;
  Status status = Status::kNeedMore;
  while (status == Status::kNeedMore && used < bytes.size()) {
    held.push_back(bytes[used++]);
    std::string_view rest = held;
    status = opening.Consume(&rest, &output);
    held.erase(0, held.size() - rest.size());
  }
  EXPECT_EQ(status, Status::kRequest);
  EXPECT_EQ(opening.target().ToString(), "a.test:443");
  EXPECT_EQ(output, kChosen);
  EXPECT_EQ(bytes.size() - used, 2U);
  EXPECT_TRUE(held.empty());
}

TEST(Socks5Opening, RefusesWithTheFittingReply) {
  const std::string greeting(kGreeting);
  const struct {
    std::string input;
    int code;
  } cases[] = {
      {greeting + std::string("\x05\x02\x00\x01\x7f\0\0\x01\0\x50", 10), 0x07},  // BIND
      {greeting + std::string("\x05\x03\x00\x01\x7f\0\0\x01\0\x50", 10), 0x07},  // UDP ASSOCIATE
      {greeting + std::string("\x05\x01\x00\x02\x7f\0\0\x01\0\x50", 10), 0x08},  // address type 2
      {greeting + std::string("\x04\x01\x00\x01\x7f\0\0\x01\0\x50", 10), 0x01},  // version
      {greeting + NameRequest("a..test"), 0x01},
      {greeting + NameRequest(""), 0x01},
      {greeting + NameRequest(std::string_view("api.test\0.evil", 14)), 0x01},
      {greeting + NameRequest("user@api.test"), 0x01},
      {greeting + NameRequest("a.test", std::string_view("\0\0", 2)), 0x01},
  };
  for (const auto& test : cases) {
    const Outcome outcome = Open(test.input);
    EXPECT_EQ(outcome.status, Status::kFailed);
    ASSERT_EQ(outcome.output.size(), kChosen.size() + 10);
    EXPECT_EQ(outcome.output[kChosen.size() + 1], test.code);
  }
}

TEST(Socks5Opening, OffersNoAuthentication) {
  const Outcome outcome = Open(std::string_view("\x05\x02\x01\x02", 4));
  EXPECT_EQ(outcome.status, Status::kFailed);
  EXPECT_EQ(outcome.output, std::string_view("\x05\xff", 2));
}

}  // namespace
}  // namespace sallyport::socks

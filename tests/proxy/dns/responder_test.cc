#include "proxy/dns/responder.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace sallyport::dns {
namespace {

std::string Query(std::string_view name, char type) {
  std::string bytes("\x00\x01\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00", 12);
  while (!name.empty()) {
    const std::string_view label = name.substr(0, name.find('.'));
    bytes.push_back(static_cast<char>(label.size()));
    bytes += label;
    name.remove_prefix(std::min(label.size() + 1, name.size()));
  }
  return bytes + std::string("\x00\x00", 2) + type + std::string("\x00\x01", 2);
}

constexpr char kA = 1;
constexpr char kTxt = 16;
constexpr char kAaaa = 28;

class ResponderTest : public testing::Test {
 protected:
  int Code(std::string_view name, char type) {
    const std::string reply = responder_.Answer(Query(name, type));
    return reply[3] & 0xf;
  }
  std::string Data(std::string_view name, char type, size_t size) {
    const std::string reply = responder_.Answer(Query(name, type));
    return reply[7] == 1 ? reply.substr(reply.size() - size) : "";
  }

  NameAddresses names_;
  Responder responder_{[](const rules::Host& host) { return host.name.ends_with("ok.test"); },
                       &names_};
};

TEST_F(ResponderTest, AnAllowedNameHasItsAddresses) {
  const auto addresses = names_.AddressesOf("ok.test");
  const auto v4 = addresses.v4.bytes();
  EXPECT_EQ(Data("OK.test", kA, 4), std::string(v4.begin(), v4.end()));
  const auto v6 = addresses.v6.bytes();
  EXPECT_EQ(Data("ok.test", kAaaa, 16), std::string(v6.begin(), v6.end()));
}

TEST_F(ResponderTest, AnAllowedNameHasNoOtherRecords) {
  EXPECT_EQ(Code("ok.test", kTxt), 0);
  EXPECT_EQ(Data("ok.test", kTxt, 4), "");
}

TEST_F(ResponderTest, EveryOtherNameDoesNotExist) {
  for (std::string_view name :
       {"bad.test", "1.0.0.127.in-addr.arpa", "127.0.0.1", "a b.ok.test", ""}) {
    EXPECT_NE(Code(name, kA), 0) << name;
  }
}

TEST_F(ResponderTest, LocalhostIsLocal) {
  EXPECT_EQ(Data("localhost", kA, 4), std::string("\x7f\x00\x00\x01", 4));
}

TEST_F(ResponderTest, GarbageGetsNoAnswer) { EXPECT_EQ(responder_.Answer("garbage"), ""); }

}  // namespace
}  // namespace sallyport::dns

#include "rules/cidr.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sallyport::rules {
namespace {

using ::testing::ElementsAre;

IpAddress Address(std::string_view text) { return *IpAddress::Parse(text); }

TEST(CidrTest, HoldsTheAddressesThatShareItsPrefix) {
  const struct {
    std::string_view range;
    std::string_view address;
    bool contained;
  } cases[] = {
      {"10.0.0.0/8", "10.255.255.255", true},
      {"10.0.0.0/8", "11.0.0.0", false},
      {"192.0.2.128/25", "192.0.2.127", false},
      {"192.0.2.128/25", "192.0.2.128", true},
      {"192.0.2.7", "192.0.2.7", true},
      {"192.0.2.7", "192.0.2.8", false},
      {"0.0.0.0/0", "255.255.255.255", true},
      {"0.0.0.0/0", "2001:db8::1", false},
      {"::/0", "2001:db8::1", true},
      {"::/0", "1.2.3.4", false},
      {"2001:db8::/33", "2001:db8:7fff::", true},
      {"2001:db8::/33", "2001:db8:8000::", false},
      {"fe80::/10", "febf::1", true},
      {"fe80::/10", "fec0::1", false},
      {"::ffff:10.0.0.0/104", "10.1.2.3", true},
  };
  for (const auto& c : cases) {
    const absl::StatusOr<Cidr> range = Cidr::Parse(c.range);
    ASSERT_TRUE(range.ok()) << c.range;
    EXPECT_EQ(range->Contains(Address(c.address)), c.contained) << c.range << " " << c.address;
  }
}

TEST(CidrTest, ClearsAndReportsHostBits) {
  bool had_host_bits = false;
  EXPECT_EQ(Cidr::Parse("10.1.2.3/8", &had_host_bits)->ToString(), "10.0.0.0/8");
  EXPECT_TRUE(had_host_bits);
  EXPECT_EQ(Cidr::Parse("10.0.0.0/8", &had_host_bits)->ToString(), "10.0.0.0/8");
  EXPECT_FALSE(had_host_bits);
}

TEST(CidrTest, RefusesWhatIsNoRange) {
  for (const std::string_view text :
       {"", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8/8", "10.0.0/8",
        "10.0.0.0/08x", "10.0.0.0/ 8", "::/129", "[::]/0", "example.com/8", "10.0.0.0/1000"}) {
    EXPECT_FALSE(Cidr::Parse(text).ok()) << text;
  }
}

TEST(CidrTableTest, VisitsEveryRangeNarrowestFirst) {
  CidrTable table;
  table.Add(*Cidr::Parse("10.0.0.0/8"), 0);
  table.Add(*Cidr::Parse("10.1.0.0/16"), 1);
  table.Add(*Cidr::Parse("0.0.0.0/0"), 2);
  table.Add(*Cidr::Parse("::/8"), 3);
  table.Add(*Cidr::Parse("10.1.0.0/16"), 4);
  const auto visited = [&table](std::string_view address) {
    std::vector<uint32_t> ids;
    table.ForEachMatch(Address(address), [&ids](uint32_t id, uint8_t) { ids.push_back(id); });
    return ids;
  };
  EXPECT_THAT(visited("10.1.2.3"), ElementsAre(1, 4, 0, 2));
  EXPECT_THAT(visited("10.2.2.3"), ElementsAre(0, 2));
  EXPECT_THAT(visited("::1"), ElementsAre(3));
  EXPECT_EQ(table.FindNarrowest(Address("10.1.2.3")), 1u);
  EXPECT_EQ(table.FindNarrowest(Address("2001:db8::")), std::nullopt);
}

}  // namespace
}  // namespace sallyport::rules

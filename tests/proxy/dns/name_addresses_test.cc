#include "proxy/dns/name_addresses.h"

#include <gtest/gtest.h>

namespace sallyport::dns {
namespace {

TEST(NameAddressesTest, ANameKeepsItsAddresses) {
  NameAddresses names;
  const auto first = names.AddressesOf("api.test");
  const auto other = names.AddressesOf("other.test");
  EXPECT_EQ(names.AddressesOf("api.test").v4, first.v4);
  EXPECT_NE(other.v4, first.v4);
  EXPECT_NE(other.v6, first.v6);
  for (const IpAddress& address : {first.v4, first.v6}) {
    EXPECT_EQ(names.NameOf(address), "api.test");
    EXPECT_TRUE(NameAddresses::IsSynthetic(address));
  }
}

TEST(NameAddressesTest, OtherAddressesStandForNothing) {
  NameAddresses names;
  (void)names.AddressesOf("api.test");
  for (const char* text : {"198.18.0.0", "198.18.0.2", "198.17.255.255", "198.20.0.1", "127.0.0.1",
                           "::1", "fd00::1", "fd53:616c:6c79::", "fd53:616c:6c79::2"}) {
    EXPECT_EQ(names.NameOf(*IpAddress::Parse(text)), std::nullopt) << text;
  }
}

TEST(NameAddressesTest, TheOneNotAskedForLongestGivesItsAddressesUp) {
  NameAddresses names(2);
  const auto first = names.AddressesOf("first.test");
  const auto second = names.AddressesOf("second.test");
  (void)names.AddressesOf("first.test");
  const auto third = names.AddressesOf("third.test");
  EXPECT_EQ(third.v4, second.v4);
  EXPECT_EQ(names.NameOf(second.v4), "third.test");
  EXPECT_EQ(names.NameOf(first.v6), "first.test");
  (void)names.AddressesOf("second.test");
  EXPECT_EQ(names.NameOf(first.v4), "second.test");
}

}  // namespace
}  // namespace sallyport::dns

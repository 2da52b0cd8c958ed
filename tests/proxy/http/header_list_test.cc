#include "proxy/http/header_list.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sallyport::http {
namespace {

TEST(HeaderListTest, NamesAreFoundInAnyCase) {
  EXPECT_EQ(LookUpHeader("CONTENT-length"), HeaderId::kContentLength);
  EXPECT_EQ(LookUpHeader("proxy-Authorization"), HeaderId::kProxy);
  EXPECT_EQ(LookUpHeader("Proxy-"), HeaderId::kOther);
  EXPECT_EQ(LookUpHeader("te"), HeaderId::kTe);
  EXPECT_EQ(LookUpHeader("t"), HeaderId::kOther);
  EXPECT_EQ(LookUpHeader("content-lengths"), HeaderId::kOther);
}

TEST(HeaderListTest, ReplaceLeavesExactlyOneInThePlaceOfTheFirst) {
  HeaderList list;
  list.Add("A", "1");
  list.Add("authorization", "mine");
  list.Add("B", "2");
  list.Add("AUTHORIZATION", "mine too");
  list.Replace({"Authorization", "ours", HeaderId::kOther, true});
  std::vector<std::string> lines;
  for (const Header& header : list) {
    lines.push_back(std::string(header.name) + ": " + std::string(header.value));
  }
  EXPECT_EQ(lines, (std::vector<std::string>{"A: 1", "Authorization: ours", "B: 2"}));
}

TEST(HeaderListTest, ReplaceAppendsWhatWasNotThere) {
  HeaderList list;
  list.Add("A", "1");
  list.Replace({"X-Key", "ours", HeaderId::kOther, true});
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list.Find("x-key")->value, "ours");
}

TEST(HeaderListTest, ListMembersAreTrimmedAndEmptyOnesLeftOut) {
  std::vector<std::string> members;
  ForEachListMember(" close ,, Keep-Alive\t,",
                    [&members](std::string_view member) { members.emplace_back(member); });
  EXPECT_EQ(members, (std::vector<std::string>{"close", "Keep-Alive"}));
}

}  // namespace
}  // namespace sallyport::http

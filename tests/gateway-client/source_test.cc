#include "gateway-client/source.h"

#include <gtest/gtest.h>

#include <string>

#include "base/status.h"

namespace sallyport::sources {
namespace {

TEST(SourceTest, OneNewlineIsTrimmed) {
  EXPECT_EQ(WithoutFinalNewline("v"), "v");
  EXPECT_EQ(WithoutFinalNewline("v\n"), "v");
  EXPECT_EQ(WithoutFinalNewline("v\r\n"), "v");
  EXPECT_EQ(WithoutFinalNewline("v\n\n"), "v\n");
  EXPECT_EQ(WithoutFinalNewline("v\r"), "v\r");
  EXPECT_EQ(WithoutFinalNewline("\n"), "");
  EXPECT_EQ(WithoutFinalNewline(""), "");
}

TEST(SourceTest, ValuesThatNoRequestCanCarryAreRefusedByNameAndNeverShown) {
  struct Case {
    std::string value;
    bool usable;
  };
  const Case cases[] = {
      {"s3cret", true},
      {std::string(kMaxValueSize, 'x'), true},
      {"tab\tand space", true},
      {std::string(kMaxValueSize + 1, 'x'), false},
      {"s3cret\nx", false},
      {"s3cret\rx", false},
      {std::string("s3cret\0x", 8), false},
  };
  for (const Case& c : cases) {
    const absl::Status status = CheckValue(c.value, "file /run/token");
    EXPECT_EQ(status.ok(), c.usable) << c.value.size();
    if (c.usable) continue;
    EXPECT_TRUE(Message(status).starts_with("file /run/token: ")) << status;
    EXPECT_EQ(Message(status).find("s3cret"), std::string::npos) << status;
  }
}

}  // namespace
}  // namespace sallyport::sources

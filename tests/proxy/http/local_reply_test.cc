#include "proxy/http/local_reply.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

namespace sallyport::http {
namespace {

using testing::HasSubstr;

// Keeps what a reply made of it.
class RecordingStream final : public ServerStream {
 public:
  void SetListener(RequestListener*) override {}
  void SendInformational(const ResponseHead&) override {}
  void SendHead(const ResponseHead& head) override {
    status = head.status;
    code = head.headers.Find("X-Sallyport-Error")->value;
    type = head.headers.Find("Content-Type")->value;
    kind = head.body.kind;
  }
  WriteResult SendBody(std::string_view bytes) override {
    body += bytes;
    return WriteResult::kMore;
  }
  void SendTrailers(const HeaderList&) override {}
  void EndResponse(EndKind) override { ended = true; }
  void Abort() override {}
  void EndConnection() override { closes = true; }
  void PauseRequest() override {}
  void ResumeRequest() override {}
  std::string_view protocol() const override { return "http/1.1"; }

  int status = 0;
  std::string code;
  std::string type;
  std::string body;
  BodyKind kind = BodyKind::kNone;
  bool ended = false;
  bool closes = false;
};

TEST(LocalReplyTest, SaysWhatHappenedAndWhatToChange) {
  RecordingStream stream;
  SendLocalReply(&stream,
                 {ReplyCode::kHostDenied, "a \"quoted\" thing", "evil.test", "policy.default", {}},
                 false);
  EXPECT_EQ(stream.status, 403);
  EXPECT_EQ(stream.code, "host_denied");
  EXPECT_EQ(stream.type, "application/json");
  EXPECT_TRUE(stream.ended);
  EXPECT_FALSE(stream.closes);
  EXPECT_THAT(stream.body, HasSubstr(R"({"error":"host_denied","message":"a \"quoted\" thing",)"
                                     R"("host":"evil.test","rule":"policy.default","hint":")"));
}

TEST(LocalReplyTest, AHeadRequestGetsNoBody) {
  RecordingStream stream;
  SendLocalReply(&stream, {ReplyCode::kUpstreamTimeout, "late", {}, {}, {}}, true);
  EXPECT_EQ(stream.status, 504);
  EXPECT_EQ(stream.kind, BodyKind::kNone);
  EXPECT_EQ(stream.body, "");
}

TEST(LocalReplyTest, ARequestThatCannotBeTrustedEndsItsConnection) {
  for (ReplyCode code : {ReplyCode::kBadRequest, ReplyCode::kHeaderTooLarge}) {
    RecordingStream stream;
    SendLocalReply(&stream, {code, "", {}, {}, {}}, false);
    EXPECT_TRUE(stream.closes);
  }
}

TEST(LocalReplyTest, EveryCodeHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(ReplyCode::kUpstreamTimeout); ++i) {
    const auto code = static_cast<ReplyCode>(i);
    EXPECT_TRUE(names.insert(NameOf(code)).second);
    EXPECT_GE(StatusOf(code), 400);
  }
}

}  // namespace
}  // namespace sallyport::http

#include "proxy/exchange/inject.h"

#include <gtest/gtest.h>

#include <string>

#include "rules/proxy_config.h"

namespace sallyport::proxy {
namespace {

class InjectTest : public testing::Test {
 protected:
  // One credential, "s3cret", for every rule of `credentials`, to https://api.test.
  void Configure(const std::string& credentials) {
    const rules::ParsedProxyConfig parsed =
        rules::ParseProxyConfig("{\"credentials\":[" + credentials + "]}");
    ASSERT_NE(parsed.rules, nullptr);
    auto snapshot = std::make_shared<Snapshot>();
    snapshot->rules = parsed.rules;
    for (const rules::CredentialRule& rule : parsed.rules->rules()) {
      auto credential = std::make_shared<RuleCredential>();
      credential->raw = SecretString("s3cret");
      credential->written = rule.format.Render("s3cret");
      snapshot->credentials.push_back(std::move(credential));
    }
    channel_.authority = *rules::ParseAuthority("api.test:443", std::nullopt);
    channel_.tls = true;
    snapshot_ = std::move(snapshot);
  }

  // The head as it would be written, a line each, without the request line.
  std::string Send(std::initializer_list<std::pair<std::string_view, std::string_view>> headers,
                   std::string_view path = "/") {
    http::RequestHead request;
    request.method = "GET";
    request.path = path;
    request.host = "api.test";
    request.arena = &arena_;
    for (const auto& [name, value] : headers) request.headers.Add(name, value);
    RequestPlan plan;
    std::optional<http::LocalReply> refused = DecideRequest(request, &channel_, snapshot_, &plan);
    if (!refused.has_value()) refused = PrepareRequest(&plan, &request);
    if (refused.has_value()) return std::string(NameOf(refused->code));
    std::string text = std::string(request.path) + "\n";
    for (const http::Header& header : request.headers) {
      text += std::string(header.name) + ": " + std::string(header.value) + "\n";
    }
    return text;
  }

  Arena arena_;
  Channel channel_;
  std::shared_ptr<const Snapshot> snapshot_;
};

constexpr char kBearer[] =
    R"({"domain":"api.test","envVar":"K","header":"Authorization","format":"Bearer ${value}"})";

TEST_F(InjectTest, TheClientsOwnHeadersOfThatNameGive) {
  Configure(kBearer);
  EXPECT_EQ(Send({{"A", "1"}, {"AUTHORIZATION", "x"}, {"B", "2"}, {"authorization", "y"}}),
            "/\nA: 1\nAuthorization: Bearer s3cret\nB: 2\n");
}

TEST_F(InjectTest, ConnectionCannotHaveTheInjectedHeaderStripped) {
  Configure(kBearer);
  EXPECT_EQ(Send({{"Connection", "Authorization, X-Hop"}, {"X-Hop", "1"}, {"X-Stay", "2"}}),
            "/\nX-Stay: 2\nAuthorization: Bearer s3cret\n");
}

TEST_F(InjectTest, HopByHopFieldsGoAndOthersKeepOrderAndBytes) {
  Configure(kBearer);
  EXPECT_EQ(Send({{"X-Odd", "caf\xE9"},
                  {"Proxy-Authorization", "Basic x"},
                  {"proxy-connection", "keep-alive"},
                  {"TE", "trailers"},
                  {"Upgrade", "h2c"},
                  {"HTTP2-Settings", "AAMAAABk"},
                  {"Keep-Alive", "5"},
                  {"x-last", ""}}),
            "/\nX-Odd: caf\xE9\nx-last: \nAuthorization: Bearer s3cret\n");
}

TEST_F(InjectTest, CodingsAreRefusedWhereTheReplyIsSearched) {
  Configure(R"({"domain":"api.test","envVar":"K","header":"A"})");
  EXPECT_EQ(Send({{"Accept-Encoding", "gzip"}, {"X", "1"}, {"accept-encoding", "br"}}),
            "/\nAccept-Encoding: identity\nX: 1\nA: s3cret\n");
  EXPECT_EQ(Send({{"grpc-accept-encoding", "gzip"}}),
            "/\ngrpc-accept-encoding: identity\nA: s3cret\n");
  Configure(R"({"domain":"api.test","envVar":"K","header":"A","scrub":false})");
  EXPECT_EQ(Send({{"Accept-Encoding", "gzip"}}), "/\nAccept-Encoding: gzip\nA: s3cret\n");
  Configure(R"({"domain":"api.test","envVar":"K","header":"A","paths":["/v1"]})");
  EXPECT_EQ(Send({{"Accept-Encoding", "gzip"}}), "/\nAccept-Encoding: gzip\n");
}

TEST_F(InjectTest, AQueryParameterIsSetOnce) {
  Configure(R"({"domain":"api.test","envVar":"K","query":"key"})");
  EXPECT_EQ(Send({}, "/p"), "/p?key=s3cret\n");
  EXPECT_EQ(Send({}, "/p?a=1&key=mine&b=2&k%65y=too"), "/p?a=1&key=s3cret&b=2\n");
  EXPECT_EQ(Send({}, "/p?keys=1"), "/p?keys=1&key=s3cret\n");
}

TEST_F(InjectTest, RulesGoOnOnlyWhereTheySaySo) {
  Configure(R"({"domain":"api.test","envVar":"K","header":"A","continue":true},)"
            R"({"domain":"api.test","envVar":"K","header":"B"},)"
            R"({"domain":"api.test","envVar":"K","header":"C"})");
  EXPECT_EQ(Send({}), "/\nA: s3cret\nB: s3cret\n");
}

TEST_F(InjectTest, FiltersAreMatchedOnTheNormalisedPath) {
  Configure(R"({"domain":"api.test","envVar":"K","header":"A","paths":["/v1/**"]})");
  EXPECT_EQ(Send({}, "/v1/x"), "/v1/x\nA: s3cret\n");
  EXPECT_EQ(Send({}, "/public/../v1/x"), "/public/../v1/x\nA: s3cret\n");
  EXPECT_EQ(Send({}, "/v1/../public"), "/v1/../public\n");
  EXPECT_EQ(Send({}, "/v%31/x"), "/v%31/x\nA: s3cret\n");
  EXPECT_EQ(Send({}, "/../etc"), "bad_request");
}

TEST_F(InjectTest, PlainHttpIsRefusedUnlessTheRuleAllowsIt) {
  Configure(kBearer);
  channel_.tls = false;
  EXPECT_EQ(Send({}), "plaintext_credential");
  Configure(R"({"domain":"api.test","envVar":"K","header":"A","plaintext":true})");
  channel_.tls = false;
  EXPECT_EQ(Send({}), "/\nA: s3cret\n");
}

TEST_F(InjectTest, AMissingRequiredCredentialRefusesTheRequest) {
  Configure(R"({"domain":"api.test","envVar":"K","header":"A","required":true})");
  auto without = std::make_shared<Snapshot>();
  without->rules = snapshot_->rules;
  without->credentials = {nullptr};
  snapshot_ = without;
  EXPECT_EQ(Send({}), "credential_unavailable");
}

TEST_F(InjectTest, InjectedNamesAreNoTrailers) {
  Configure(kBearer);
  http::RequestHead request;
  request.method = "GET";
  request.path = "/";
  request.host = "api.test";
  RequestPlan plan;
  ASSERT_FALSE(DecideRequest(request, &channel_, snapshot_, &plan).has_value());
  http::HeaderList trailers;
  trailers.Add("AUTHORIZATION", "x");
  trailers.Add("Content-Length", "5");
  trailers.Add("X-Checksum", "1");
  const http::HeaderList kept = FilterRequestTrailers(plan, trailers);
  ASSERT_EQ(kept.size(), 1u);
  EXPECT_EQ(kept.begin()->name, "X-Checksum");
}

}  // namespace
}  // namespace sallyport::proxy

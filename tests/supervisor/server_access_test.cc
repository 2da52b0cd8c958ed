#include "supervisor/server_access.h"

#include <gtest/gtest.h>

namespace sallyport::supervisor {
namespace {

class ListeningServer final : public proxy::Server {
 public:
  explicit ListeningServer(std::vector<std::string> listen, std::string admin = {})
      : listen_(std::move(listen)), admin_(std::move(admin)) {}
  const std::vector<std::string>& listen_addresses() const override { return listen_; }
  const std::string& admin_address() const override { return admin_; }
  const std::string& ca_file() const override { return ca_; }
  const std::string& ca_bundle_file() const override { return bundle_; }
  std::vector<std::pair<std::string, std::string>> PlaceholderVariables() const override {
    return {{"KEY", "placeholder"}};
  }
  std::vector<proxy::ProvidedFile> ProvidedFiles() const override { return {}; }
  absl::Status Reload() override { return absl::OkStatus(); }
  void Drain(std::chrono::milliseconds /*limit*/) override {}

 private:
  std::vector<std::string> listen_;
  std::string admin_;
  std::string ca_ = "/ca/\"quoted\"/ca.crt";
  std::string bundle_ = "/ca/ca-bundle.crt";
};

TEST(ServerAccessTest, ClientsReachTheFirstTcpListener) {
  struct Case {
    std::vector<std::string> listen;
    const char* host;
    uint16_t port;
  };
  const Case cases[] = {
      {{"127.0.0.1:3128"}, "127.0.0.1", 3128},
      {{"unix:/run/s.sock", "[::1]:81", "127.0.0.1:82"}, "::1", 81},
      {{"0.0.0.0:3128"}, "127.0.0.1", 3128},
      {{"[::]:3128"}, "::1", 3128},
      {{"192.0.2.1:3128"}, "192.0.2.1", 3128},
  };
  for (const Case& c : cases) {
    const auto address = FindClientAddress(c.listen);
    ASSERT_TRUE(address.has_value()) << c.listen[0];
    EXPECT_EQ(address->host, c.host);
    EXPECT_EQ(address->port, c.port);
  }
  EXPECT_FALSE(FindClientAddress({"unix:/run/s.sock"}).has_value());
}

TEST(ServerAccessTest, TheReadyFileIsJson) {
  EXPECT_EQ(ReadyFileText(ListeningServer({"[::]:3128", "unix:/s"})),
            R"({"proxy":"http://[::1]:3128","listen":["[::]:3128","unix:/s"],)"
            R"("ca":"/ca/\"quoted\"/ca.crt","caBundle":"/ca/ca-bundle.crt","admin":null})"
            "\n");
  const auto admin_of = [](const char* admin) {
    const std::string text = ReadyFileText(ListeningServer({"[::]:3128"}, admin));
    return text.substr(text.find(R"("admin":)"));
  };
  EXPECT_EQ(admin_of("127.0.0.1:9"), "\"admin\":\"http://127.0.0.1:9\"}\n");
  EXPECT_EQ(admin_of("unix:/a"), "\"admin\":\"unix:/a\"}\n");
  EXPECT_EQ(ReadyFileText(ListeningServer({"unix:/s"})).find(R"({"proxy":"unix:/s",)"), 0u);
}

TEST(ServerAccessTest, AccessHoldsWhatAClientNeeds) {
  const ProxyAccess access =
      MakeProxyAccess(ListeningServer({"127.0.0.1:3128"}), {"127.0.0.1", 3128});
  EXPECT_EQ(access.Url(), "http://127.0.0.1:3128");
  EXPECT_EQ(access.ca_bundle_file, "/ca/ca-bundle.crt");
  EXPECT_EQ(access.placeholders.size(), 1u);
}

}  // namespace
}  // namespace sallyport::supervisor

#include "proxy/server/policy_in_force.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/status.h"

namespace sallyport::proxy {
namespace {

using ::testing::HasSubstr;

std::shared_ptr<const rules::Policy> Parse(std::string_view text) {
  return rules::ParsePolicy(text).policy;
}

// Gives what the test put there.
class FakeSource final : public sources::PolicySource {
 public:
  const std::string& name() const override { return name_; }
  absl::StatusOr<std::shared_ptr<const rules::Policy>> Fetch() override { return next; }
  void Report(const absl::Status& outcome) override { reported = outcome; }

  absl::StatusOr<std::shared_ptr<const rules::Policy>> next = absl::NotFoundError("none yet");
  absl::Status reported;

 private:
  std::string name_ = "the source";
};

TEST(PolicyInForceTest, WithoutASourceThereIsNone) {
  PolicyInForce policy(nullptr, nullptr, Clients::kUnknown);
  EXPECT_TRUE(policy.Begin().ok());
  EXPECT_EQ(policy.current(), nullptr);
  EXPECT_EQ(policy.name(), "");
  EXPECT_EQ(policy.fd(), -1);
  EXPECT_FALSE(policy.TakeChange());
  EXPECT_FALSE(*policy.Refresh());
}

TEST(PolicyInForceTest, TheNetworkMayChange) {
  auto source = std::make_shared<FakeSource>();
  const auto first = Parse("version: 1");
  PolicyInForce policy(source, first, Clients::kUnknown);
  source->next = first;
  EXPECT_FALSE(*policy.Refresh());
  const auto second = Parse("{version: 1, network_policies: {e: {}}}");
  source->next = second;
  EXPECT_TRUE(*policy.Refresh());
  EXPECT_EQ(policy.current(), second);
  EXPECT_TRUE(source->reported.ok());
}

TEST(PolicyInForceTest, WhatCannotBeFetchedLeavesTheOldOne) {
  auto source = std::make_shared<FakeSource>();
  const auto first = Parse("version: 1");
  PolicyInForce policy(source, first, Clients::kUnknown);
  EXPECT_FALSE(policy.Refresh().ok());
  EXPECT_EQ(policy.current(), first);
  EXPECT_EQ(source->reported.code(), absl::StatusCode::kNotFound);
}

TEST(PolicyInForceTest, WhatIsFixedAtTheSpawnMayNotChange) {
  const struct {
    std::string_view text;
    std::string_view named;
  } cases[] = {
      {"{version: 1, filesystem_policy: {read_only: [/usr]}}", "changes filesystem_policy, which"},
      {"{version: 1, landlock: {compatibility: best_effort}}", "changes landlock, which"},
      {"{version: 1, process: {run_as_group: 7}, landlock: {compatibility: best_effort}}",
       "changes landlock, process, which"},
  };
  for (const auto& c : cases) {
    auto source = std::make_shared<FakeSource>();
    const auto first = Parse("version: 1");
    PolicyInForce policy(source, first, Clients::kUnknown);
    source->next = Parse(c.text);
    const absl::StatusOr<bool> changed = policy.Refresh();
    ASSERT_FALSE(changed.ok()) << c.text;
    EXPECT_THAT(std::string(Message(changed.status())), HasSubstr(std::string(c.named)));
    EXPECT_THAT(std::string(Message(source->reported)), HasSubstr("the source"));
    EXPECT_EQ(policy.current(), first);
  }
}

TEST(PolicyInForceTest, BinariesAreHeldOrRefused) {
  const auto open = Parse("{version: 1, network_policies: {e: {}}}");
  const auto listing = Parse(
      "{version: 1, network_policies: {e: {endpoints: [{host: a.test, port: 443}], binaries: "
      "[{path: /bin/x}]}}}");
  auto source = std::make_shared<FakeSource>();
  EXPECT_TRUE(PolicyInForce(source, listing, Clients::kKnown).Begin().ok());
  EXPECT_THAT(
      std::string(Message(PolicyInForce(source, listing, Clients::kUnknown).Begin())),
      AllOf(HasSubstr("the source: network_policies.e.binaries"), HasSubstr("sallyport run")));
  PolicyInForce policy(source, open, Clients::kUnknown);
  source->next = listing;
  EXPECT_FALSE(policy.Refresh().ok());
  EXPECT_EQ(policy.current(), open);
}

}  // namespace
}  // namespace sallyport::proxy

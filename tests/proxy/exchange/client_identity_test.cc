#include "proxy/exchange/client_identity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <thread>

namespace sallyport::proxy {
namespace {

using ::testing::ElementsAre;

// Keeps the question; the test answers from whatever thread it likes.
class SlowFinder final : public ProcessFinder {
 public:
  void Find(const ConnectionEnds& ends, Done done) override {
    asked.push_back(ends.client.port);
    done_.push_back(std::move(done));
  }
  void Answer(pid_t pid) {
    for (Done& done : std::exchange(done_, {})) {
      done({.pid = pid, .binaries = {"/bin/x"}, .problem = {}, .remedy = {}});
    }
  }

  std::vector<uint16_t> asked;

 private:
  std::vector<Done> done_;
};

class Waiting final : public ClientIdentity::Waiter {
 public:
  explicit Waiting(net::EventLoop* loop) : loop_(loop) {}
  void OnClientKnown() override {
    ++told;
    loop_->Stop();
  }

  int told = 0;

 private:
  net::EventLoop* loop_;
};

class ClientIdentityTest : public ::testing::Test {
 protected:
  // Until a message that was posted last has run.
  void RunLoop() {
    mailbox_.Post([this] { loop_.Stop(); });
    loop_.Run();
  }

  net::EventLoop loop_;
  net::Mailbox mailbox_{&loop_};
  SlowFinder finder_;
  std::optional<ProcessDesk> desk_{std::in_place, &finder_, &mailbox_};
  const ConnectionEnds ends_ = {{IpAddress(), 4711}, {IpAddress(), 80}};
};

TEST_F(ClientIdentityTest, AllWhoWaitAreToldAndTheFinderIsAskedOnce) {
  ClientIdentity identity(&*desk_, ends_);
  Waiting first(&loop_);
  Waiting second(&loop_);
  Waiting third(&loop_);
  EXPECT_FALSE(identity.known());
  for (Waiting* waiting : {&first, &second, &third}) identity.Await(waiting);
  identity.Cancel(&second);
  std::thread answering([this] { finder_.Answer(7); });
  loop_.Run();
  answering.join();
  EXPECT_TRUE(identity.known());
  EXPECT_EQ(identity.process().pid, 7);
  EXPECT_THAT(identity.process().binaries, ElementsAre("/bin/x"));
  EXPECT_EQ(first.told + third.told, 2);
  EXPECT_EQ(second.told, 0);
  EXPECT_THAT(finder_.asked, ElementsAre(4711));
}

TEST_F(ClientIdentityTest, AConnectionMayEndBeforeTheAnswer) {
  Waiting waiting(&loop_);
  {
    ClientIdentity identity(&*desk_, ends_);
    identity.Await(&waiting);
  }
  finder_.Answer(7);
  RunLoop();
  EXPECT_EQ(waiting.told, 0);
}

TEST_F(ClientIdentityTest, ADeskMayCloseBeforeTheAnswer) {
  Waiting waiting(&loop_);
  ClientIdentity identity(&*desk_, ends_);
  identity.Await(&waiting);
  desk_.reset();
  finder_.Answer(7);
  RunLoop();
  EXPECT_FALSE(identity.known());
}

}  // namespace
}  // namespace sallyport::proxy

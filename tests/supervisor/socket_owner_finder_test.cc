#include "supervisor/socket_owner_finder.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <string>

#include "tests/supervisor/tcp_pair.h"

namespace sallyport::supervisor {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

// This process's children are the sandbox.
SandboxAccess AccessToChildren(pid_t root = getpid()) {
  SandboxAccess access;
  access.sockets = *SocketTable::Open();
  access.proc.Reset(open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  access.root = root;
  access.paths.Reset(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  return access;
}

// A child that runs a copy of sleep(1), and has a socket open.
class Child {
 public:
  Child(const std::string& program, int socket) {
    pid_ = fork();
    if (pid_ == 0) {
      (void)fcntl(socket, F_SETFD, 0);
      execl(program.c_str(), program.c_str(), "1000", nullptr);
      _exit(127);
    }
    // It runs the program once its descriptors that close on exec are closed.
    while (fs::read_symlink("/proc/" + std::to_string(pid_) + "/exe") != fs::canonical(program)) {
      sched_yield();
    }
  }
  ~Child() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
};

class SocketOwnerFinderTest : public ::testing::Test {
 protected:
  SocketOwnerFinderTest() {
    char name[] = "/tmp/sallyport-finder-XXXXXX";
    folder_ = fs::canonical(mkdtemp(name));
  }
  ~SocketOwnerFinderTest() override { fs::remove_all(folder_); }

  std::string Program(const std::string& name) const {
    const fs::path file = folder_ / name;
    fs::copy_file("/bin/sleep", file, fs::copy_options::overwrite_existing);
    return file.string();
  }

  static proxy::ClientProcess Ask(SocketOwnerFinder* finder, const TcpPair& pair) {
    std::promise<proxy::ClientProcess> answer;
    finder->Find(pair.ends(),
                 [&answer](proxy::ClientProcess process) { answer.set_value(std::move(process)); });
    return answer.get_future().get();
  }

  fs::path folder_;
};

TEST_F(SocketOwnerFinderTest, ToldAreTheProcessAndItsProgram) {
  const TcpPair pair;
  const std::string program = Program("a");
  const Child child(program, pair.client.get());
  SocketOwnerFinder finder(AccessToChildren());
  const proxy::ClientProcess found = Ask(&finder, pair);
  EXPECT_EQ(found.pid, child.pid()) << found.problem;
  EXPECT_THAT(found.binaries, ElementsAre(program));
}

TEST_F(SocketOwnerFinderTest, EachProgramThatSharesItIsToldOnce) {
  const TcpPair pair;
  const std::string a = Program("a");
  const std::string b = Program("b");
  const Child first(a, pair.client.get());
  const Child second(b, pair.client.get());
  const Child third(a, pair.client.get());
  SocketOwnerFinder finder(AccessToChildren());
  EXPECT_THAT(Ask(&finder, pair).binaries, UnorderedElementsAre(a, b));
}

TEST_F(SocketOwnerFinderTest, OthersThanDescendantsAreNobody) {
  const TcpPair pair;
  const Child holder(Program("a"), pair.client.get());
  const Child other(Program("b"), -1);
  SocketOwnerFinder finder(AccessToChildren(other.pid()));
  const proxy::ClientProcess found = Ask(&finder, pair);
  EXPECT_EQ(found.pid, 0);
  EXPECT_THAT(found.binaries, IsEmpty());
  EXPECT_THAT(found.problem, HasSubstr("no process of the sandbox"));
  EXPECT_NE(found.remedy, "");
}

TEST_F(SocketOwnerFinderTest, AConnectionWithoutItsOtherEndIsNobodys) {
  TcpPair pair;
  pair.client.Reset();
  SocketOwnerFinder finder(AccessToChildren());
  EXPECT_THAT(Ask(&finder, pair).problem, HasSubstr("any more"));
}

TEST_F(SocketOwnerFinderTest, AKernelThatDoesNotTellIsAProblem) {
  const TcpPair pair;
  SandboxAccess access = AccessToChildren();
  access.sockets.Reset();
  SocketOwnerFinder finder(std::move(access));
  const proxy::ClientProcess found = Ask(&finder, pair);
  EXPECT_THAT(found.problem, HasSubstr("the kernel does not tell of sockets"));
  EXPECT_THAT(found.remedy, HasSubstr("CONFIG_INET_DIAG"));
}

TEST_F(SocketOwnerFinderTest, AFileMayBeTouchedButNotChanged) {
  const TcpPair pair;
  SocketOwnerFinder finder(AccessToChildren());
  const auto run = [&] {
    const Child child(folder_ / "a", pair.client.get());
    return Ask(&finder, pair);
  };
  const std::string program = Program("a");
  EXPECT_THAT(run().binaries, ElementsAre(program));
  fs::last_write_time(program, fs::file_time_type::clock::now());
  EXPECT_THAT(run().binaries, ElementsAre(program));
  fs::rename(Program("same"), program);
  EXPECT_THAT(run().binaries, ElementsAre(program));
  std::ofstream(program, std::ios::app) << "x";
  const proxy::ClientProcess changed = run();
  EXPECT_THAT(changed.binaries, IsEmpty());
  EXPECT_THAT(changed.problem, HasSubstr("has changed since"));
  EXPECT_THAT(changed.remedy, HasSubstr("start sallyport again"));
}

TEST_F(SocketOwnerFinderTest, AProgramThatLostItsNameIsRefused) {
  const TcpPair pair;
  SocketOwnerFinder finder(AccessToChildren());
  const std::string program = Program("a");
  const Child child(program, pair.client.get());
  fs::remove(program);
  EXPECT_THAT(Ask(&finder, pair).problem, HasSubstr("no longer, the file"));
  // Not even by a file that is called what the kernel shows for a deleted one.
  Program("a (deleted)");
  EXPECT_THAT(Ask(&finder, pair).problem, HasSubstr("no longer, the file"));
}

TEST_F(SocketOwnerFinderTest, QuestionsThatAreOpenAtTheEndAreDropped) {
  const TcpPair pair;
  for (int i = 0; i < 20; ++i) {
    SocketOwnerFinder finder(AccessToChildren());
    for (int question = 0; question < 10; ++question) {
      finder.Find(pair.ends(), [](const proxy::ClientProcess&) {});
    }
  }
}

}  // namespace
}  // namespace sallyport::supervisor

#include "proxy/audit/audit_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "base/status.h"
#include "base/unique_fd.h"

namespace sallyport::audit {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

class AuditLogTest : public ::testing::Test {
 protected:
  AuditLogTest() {
    folder_ = (std::filesystem::temp_directory_path() / "sallyport-audit.XXXXXX").string();
    if (mkdtemp(folder_.data()) == nullptr) std::abort();
    path_ = folder_ + "/audit.jsonl";
  }
  ~AuditLogTest() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<AuditLog> Open(AuditLogOptions options = {}) {
    auto log = AuditLog::Open(path_, std::move(options));
    EXPECT_TRUE(log.ok()) << Message(log.status());
    return *std::move(log);
  }

  static AuditRecord For(const std::string& path) {
    AuditRecord record;
    record.path = path;
    return record;
  }

  static std::vector<json> Lines(const std::string& path) {
    std::vector<json> lines;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) lines.push_back(json::parse(line));
    return lines;
  }

  // The records' paths, without the totals at the end.
  static std::vector<std::string> Paths(const std::string& path) {
    std::vector<std::string> paths;
    for (const json& line : Lines(path)) {
      if (line["event"] != "lifecycle") paths.push_back(line["path"]);
    }
    return paths;
  }

  // The writer works behind our back; its effect on the file is waited for.
  static bool Eventually(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (std::chrono::steady_clock::now() < deadline) {
      if (condition()) return true;
      std::this_thread::yield();
    }
    return false;
  }

  std::string folder_;
  std::string path_;
};

mode_t ModeOf(const std::string& path) {
  struct stat status;
  return stat(path.c_str(), &status) == 0 ? status.st_mode & 07777 : 0;
}

TEST_F(AuditLogTest, WritesRecordsInOrderAndTotalsAtTheEnd) {
  {
    const auto log = Open();
    for (int i = 0; i < 100; ++i) log->Record(For("/" + std::to_string(i)));
  }
  const std::vector<json> lines = Lines(path_);
  ASSERT_EQ(lines.size(), 101u);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(lines[i]["path"], "/" + std::to_string(i));
  EXPECT_NE(lines[0]["time"], "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(lines[100]["event"], "lifecycle");
  EXPECT_EQ(lines[100]["written"], 100);
  EXPECT_EQ(lines[100]["dropped"], 0);
  EXPECT_EQ(ModeOf(path_), 0600u);
}

TEST_F(AuditLogTest, RecordsArriveWithoutBeingFlushed) {
  const auto log = Open();
  log->Record(For("/one"));
  EXPECT_TRUE(Eventually([&] { return Paths(path_).size() == 1; }));
  log->Record(For("/two"));
  EXPECT_TRUE(Eventually([&] { return Paths(path_).size() == 2; }));
}

TEST_F(AuditLogTest, AppendsToWhatIsThere) {
  std::ofstream(path_) << "{\"event\":\"request\",\"path\":\"/old\"}\n";
  chmod(path_.c_str(), 0640);
  Open()->Record(For("/new"));
  EXPECT_EQ(Paths(path_), (std::vector<std::string>{"/old", "/new"}));
  EXPECT_EQ(ModeOf(path_), 0640u);
}

TEST_F(AuditLogTest, ThreadsLoseNothing) {
  constexpr int kThreads = 4;
  constexpr int kEach = 1000;
  {
    const auto log = Open();
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&log, i] {
        AuditRecord record;
        for (int j = 0; j < kEach; ++j) {
          record.Clear();
          record.path = fmt::format("/{}/{}", i, j);
          log->Record(record);
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(log->dropped(), 0u);
  }
  std::vector<std::string> paths = Paths(path_);
  EXPECT_EQ(paths.size(), static_cast<size_t>(kThreads * kEach));
  // Each thread's own are in order.
  std::vector<int> next(kThreads, 0);
  for (const std::string& path : paths) {
    const int thread = path[1] - '0';
    EXPECT_EQ(path, fmt::format("/{}/{}", thread, next[thread]++));
  }
}

// A FIFO that is full, so that the writer cannot go on.
class StuckReader {
 public:
  explicit StuckReader(const std::string& path) {
    if (mkfifo(path.c_str(), 0600) != 0) std::abort();
    reader_.Reset(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    writer_.Reset(open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
    const std::string filling(4096, ' ');
    while (write(writer_.get(), filling.data(), filling.size()) > 0) ++pages_;
  }

  // Everything but the filling, until the writers have gone.
  std::string ReadAll() {
    writer_.Reset();
    fcntl(reader_.get(), F_SETFL, 0);
    std::string all;
    char buffer[4096];
    while (true) {
      const ssize_t size = read(reader_.get(), buffer, sizeof(buffer));
      if (size <= 0) break;
      all.append(buffer, static_cast<size_t>(size));
    }
    return all.substr(pages_ * 4096);
  }

 private:
  UniqueFd reader_;
  UniqueFd writer_;
  size_t pages_ = 0;
};

TEST_F(AuditLogTest, LongRecordsAreBoundedByTheirBytes) {
  StuckReader reader(path_);
  auto log = Open({.max_bytes = 10000});
  for (int i = 0; i < 100; ++i) log->Record(For("/" + std::string(4000, 'x')));
  // Two in the queue, two in the writer's hands, at the most.
  EXPECT_GE(log->dropped(), 96u);
  EXPECT_LE(log->dropped(), 98u);
}

TEST_F(AuditLogTest, AFullQueueDropsAndCountsAndNeverBlocks) {
  StuckReader reader(path_);
  auto log = Open({.capacity = 8});
  // At most a batch in the writer's hands and a full queue.
  for (int i = 0; i < 100; ++i) log->Record(For("/" + std::to_string(i)));
  EXPECT_GE(log->dropped(), 100u - 16u);
  EXPECT_LT(log->dropped(), 100u);
  const uint64_t dropped = log->dropped();

  std::string text;
  std::thread reading([&] { text = reader.ReadAll(); });
  log.reset();
  reading.join();
  std::istringstream lines(text);
  std::vector<json> parsed;
  for (std::string line; std::getline(lines, line);) parsed.push_back(json::parse(line));
  ASSERT_FALSE(parsed.empty());
  EXPECT_EQ(parsed.back()["event"], "lifecycle");
  EXPECT_EQ(parsed.back()["dropped"], dropped);
  EXPECT_EQ(parsed.back()["written"], 100 - dropped);
  EXPECT_EQ(parsed.size(), 100 - dropped + 1);
}

TEST_F(AuditLogTest, AReaderThatNeverReadsDoesNotKeepTheProgramFromEnding) {
  const StuckReader reader(path_);
  auto log = Open();
  log->Record(For("/"));
  log.reset();
}

TEST_F(AuditLogTest, AReaderThatHasGoneIsNoSignal) {
  {
    UniqueFd reader;
    ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
    reader.Reset(open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    const auto log = Open();
    reader.Reset();
    log->Record(For("/"));
    EXPECT_TRUE(Eventually([&] { return log->dropped() == 1; }));
  }
}

TEST_F(AuditLogTest, FollowsAFileThatWasMoved) {
  const std::string moved = path_ + ".1";
  {
    const auto log = Open();
    log->Record(For("/before"));
    ASSERT_TRUE(Eventually([&] { return Paths(path_).size() == 1; }));
    std::filesystem::rename(path_, moved);
    log->Record(For("/after"));
  }
  EXPECT_EQ(Paths(moved), std::vector<std::string>{"/before"});
  EXPECT_EQ(Paths(path_), std::vector<std::string>{"/after"});
}

TEST_F(AuditLogTest, ReopensWhenAsked) {
  const auto log = Open();
  const std::string moved = path_ + ".1";
  std::filesystem::rename(path_, moved);
  log->Reopen();
  EXPECT_TRUE(Eventually([&] { return std::filesystem::exists(path_); }));
}

TEST_F(AuditLogTest, KeepsTheOldFileWhenTheNewOneCannotBeOpened) {
  const std::string moved = folder_ + ".moved";
  {
    const auto log = Open();
    log->Record(For("/before"));
    ASSERT_TRUE(Eventually([&] { return Paths(path_).size() == 1; }));
    std::filesystem::rename(folder_, moved);
    log->Record(For("/after"));
  }
  EXPECT_EQ(Paths(moved + "/audit.jsonl"), (std::vector<std::string>{"/before", "/after"}));
  std::filesystem::remove_all(moved);
}

TEST_F(AuditLogTest, MakesPrivateFoldersOnlyWhenAsked) {
  path_ = folder_ + "/state/sallyport/audit.jsonl";
  const auto refused = AuditLog::Open(path_);
  EXPECT_THAT(std::string(Message(refused.status())), HasSubstr(path_));
  (void)Open({.make_folders = true});
  EXPECT_EQ(ModeOf(folder_ + "/state"), 0700u);
  EXPECT_EQ(ModeOf(folder_ + "/state/sallyport"), 0700u);
  EXPECT_EQ(ModeOf(path_), 0600u);
  // What was there keeps its mode.
  chmod(folder_.c_str(), 0750);
  (void)Open({.make_folders = true});
  EXPECT_EQ(ModeOf(folder_), 0750u);
}

TEST_F(AuditLogTest, SaysWhatIsWrongWithThePath) {
  EXPECT_THAT(std::string(Message(AuditLog::Open(folder_).status())), HasSubstr(folder_));
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  EXPECT_THAT(std::string(Message(AuditLog::Open(path_).status())), HasSubstr(path_));
}

TEST_F(AuditLogTest, ADashIsStandardOutput) {
  const UniqueFd saved(dup(STDOUT_FILENO));
  const UniqueFd file(open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_EQ(dup2(file.get(), STDOUT_FILENO), STDOUT_FILENO);
  (*AuditLog::Open("-"))->Record(For("/"));
  ASSERT_EQ(dup2(saved.get(), STDOUT_FILENO), STDOUT_FILENO);
  EXPECT_EQ(Paths(path_), std::vector<std::string>{"/"});
}

TEST_F(AuditLogTest, TheSandboxIsInEveryRecord) {
  Open({.sandbox = "box"})->Record(For("/"));
  for (const json& line : Lines(path_)) EXPECT_EQ(line["sandbox"], "box");
}

}  // namespace
}  // namespace sallyport::audit

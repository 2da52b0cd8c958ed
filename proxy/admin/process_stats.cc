#include "proxy/admin/process_stats.h"

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <ctime>
#include <filesystem>
#include <sstream>
#include <string>

#include "base/file.h"

namespace sallyport::admin {
namespace {

constexpr size_t kMaxProcFile = 8192;

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

double SecondsSince(clockid_t clock) {
  timespec now = {};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

double CountOpenFds() {
  std::error_code error;
  double count = 0;
  for (std::filesystem::directory_iterator entry("/proc/self/fd", error), end;
       !error && entry != end; entry.increment(error)) {
    ++count;
  }
  // One of them is the listing's own.
  return count > 0 ? count - 1 : 0;
}

}  // namespace

ProcessStats ReadProcessStats() {
  ProcessStats stats;
  rusage usage = {};
  if (getrusage(RUSAGE_SELF, &usage) == 0) {
    stats.cpu_seconds = Seconds(usage.ru_utime) + Seconds(usage.ru_stime);
  }
  rlimit files = {};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) stats.max_fds = static_cast<double>(files.rlim_cur);
  stats.open_fds = CountOpenFds();
  // proc(5), /proc/pid/stat: the fields behind the command's name, which may hold anything. The
  // first of them is field 3.
  const auto text = ReadFile("/proc/self/stat", kMaxProcFile);
  if (!text.ok() || text->rfind(')') == std::string::npos) return stats;
  std::istringstream fields(text->substr(text->rfind(')') + 1));
  std::string value;
  for (int field = 3; fields >> value; ++field) {
    if (field == 20) stats.threads = std::stod(value);
    if (field == 22) {
      const double started =
          std::stod(value) / static_cast<double>(sysconf(_SC_CLK_TCK));  // since boot
      stats.start_time = SecondsSince(CLOCK_REALTIME) - SecondsSince(CLOCK_BOOTTIME) + started;
    }
    if (field == 23) stats.virtual_bytes = std::stod(value);
    if (field == 24) {
      stats.resident_bytes = std::stod(value) * static_cast<double>(sysconf(_SC_PAGESIZE));
    }
  }
  return stats;
}

}  // namespace sallyport::admin

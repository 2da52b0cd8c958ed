#include "base/clock.h"

#include <ctime>

#include <fmt/core.h>

namespace sallyport {

std::string FormatRfc3339(WallTime time) {
  using std::chrono::duration_cast;
  using std::chrono::milliseconds;
  const int64_t since_epoch = duration_cast<milliseconds>(time.time_since_epoch()).count();
  const std::time_t seconds = since_epoch / 1000;
  std::tm utc = {};
  gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900,
                     utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                     since_epoch % 1000);
}

}  // namespace sallyport

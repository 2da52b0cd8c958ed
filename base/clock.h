#ifndef SALLYPORT_BASE_CLOCK_H_
#define SALLYPORT_BASE_CLOCK_H_

#include <chrono>
#include <string>

namespace sallyport {

using WallTime = std::chrono::system_clock::time_point;
using SteadyTime = std::chrono::steady_clock::time_point;

// RFC 3339 in UTC with milliseconds: "2026-01-02T03:04:05.678Z".
std::string FormatRfc3339(WallTime time);

}  // namespace sallyport

#endif  // SALLYPORT_BASE_CLOCK_H_

#ifndef SALLYPORT_CLI_LIMIT_FLAGS_H_
#define SALLYPORT_CLI_LIMIT_FLAGS_H_

#include <CLI/CLI.hpp>
#include <array>
#include <chrono>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "proxy/server/limits.h"

namespace sallyport::cli {

// One option for each of proxy::Limits, as they were written.
class LimitFlags {
 public:
  // This object must outlive the parsing.
  void AddTo(CLI::App& app);

  absl::StatusOr<proxy::Limits> Check() const;

 private:
  // As many as limit_flags.cc lists.
  std::array<std::string, 10> texts_;
};

// "30", "2.5" (seconds), "500ms", "30s", "5m", "1h": from a millisecond to a week.
absl::StatusOr<std::chrono::milliseconds> ParseTimeout(std::string_view text);

// "65536", "64k", "64KiB", "1m", "1MiB".
absl::StatusOr<size_t> ParseSize(std::string_view text);

}  // namespace sallyport::cli

#endif  // SALLYPORT_CLI_LIMIT_FLAGS_H_

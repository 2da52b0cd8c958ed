#include "cli/limit_flags.h"

#include <fmt/core.h>

#include <charconv>
#include <functional>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "base/status.h"
#include "cli/flags.h"

namespace sallyport::cli {
namespace {

using std::chrono::milliseconds;

constexpr double kLongestMs = 7.0 * 24 * 3600 * 1000;

// The number that `text` begins with; the rest of it is left in `*unit`.
template <typename Number>
std::optional<Number> LeadingNumber(std::string_view text, std::string_view* unit) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  *unit = text.substr(static_cast<size_t>(end - text.data()));
  return number;
}

// An option, and where its value goes.
struct LimitFlag {
  const char* name;
  const char* argument;
  const char* description;
  std::function<absl::Status(std::string_view text, proxy::Limits* limits)> set;
};

template <typename Target>
auto SetTimeout(Target target) {
  return [target](std::string_view text, proxy::Limits* limits) -> absl::Status {
    ASSIGN_OR_RETURN(target(limits), ParseTimeout(text));
    return absl::OkStatus();
  };
}

// Sizes and counts: at least `least`, below which the proxy could not work.
template <typename Target>
auto SetNumber(size_t least, Target target) {
  return [least, target](std::string_view text, proxy::Limits* limits) -> absl::Status {
    ASSIGN_OR_RETURN(const size_t value, ParseSize(text));
    if (value < least) {
      return absl::InvalidArgumentError(fmt::format("'{}' is less than {}", text, least));
    }
    target(limits) = value;
    return absl::OkStatus();
  };
}

const std::array<LimitFlag, 10>& Flags() {
  using proxy::Limits;
  static const auto& flags = *new std::array<LimitFlag, 10>{{
      {"head-timeout", "TIME", "For a client's request head; default 30s",
       SetTimeout([](Limits* limits) -> milliseconds& { return limits->http.head_timeout; })},
      {"handshake-timeout", "TIME", "For a TLS handshake, either side; default 10s",
       SetTimeout([](Limits* limits) -> milliseconds& { return limits->handshake_timeout; })},
      {"connect-timeout", "TIME", "To connect to an upstream; default 10s",
       SetTimeout([](Limits* limits) -> milliseconds& { return limits->connect_timeout; })},
      {"idle-timeout", "TIME", "Between requests, either side; default 90s",
       SetTimeout([](Limits* limits) -> milliseconds& { return limits->http.idle_timeout; })},
      {"stall-timeout", "TIME", "With no byte moved while a body is due; default 5m",
       SetTimeout([](Limits* limits) -> milliseconds& { return limits->stall_timeout; })},
      {"buffer-limit", "SIZE", "Buffered per direction of an exchange; default 256KiB",
       SetNumber(4096, [](Limits* limits) -> size_t& { return limits->buffer_bytes; })},
      {"max-header-size", "SIZE", "Of a header block; default 64KiB",
       SetNumber(1024, [](Limits* limits) -> size_t& { return limits->http.max_head_bytes; })},
      {"max-header-fields", "N", "In a header block; default 256",
       SetNumber(8, [](Limits* limits) -> size_t& { return limits->http.max_fields; })},
      {"max-connections", "N", "Of clients; more wait to be accepted; default 10000",
       SetNumber(1, [](Limits* limits) -> size_t& { return limits->max_connections; })},
      {"max-origin-connections", "N",
       "To one origin, for each worker; more requests wait; default 1024",
       SetNumber(1, [](Limits* limits) -> size_t& { return limits->max_origin_connections; })},
  }};
  return flags;
}

}  // namespace

absl::StatusOr<milliseconds> ParseTimeout(std::string_view text) {
  static constexpr std::pair<std::string_view, double> kUnits[] = {
      {"", 1000}, {"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}};
  std::string_view unit;
  const std::optional<double> number = LeadingNumber<double>(text, &unit);
  for (const auto& [name, ms] : kUnits) {
    if (!number.has_value() || unit != name) continue;
    const double value = *number * ms;
    // Written so that NaN is refused too.
    if (!(value >= 1 && value <= kLongestMs)) break;
    return milliseconds(static_cast<int64_t>(value));
  }
  return absl::InvalidArgumentError(fmt::format(
      "'{}' is not a time from 1ms to 168h; examples: 30 (seconds), 2.5, 500ms, 5m", text));
}

absl::StatusOr<size_t> ParseSize(std::string_view text) {
  static constexpr std::pair<std::string_view, size_t> kUnits[] = {{"", 1},
                                                                   {"k", 1024},
                                                                   {"kb", 1024},
                                                                   {"kib", 1024},
                                                                   {"m", 1024 * 1024},
                                                                   {"mb", 1024 * 1024},
                                                                   {"mib", 1024 * 1024}};
  constexpr size_t kLargest = size_t{1} << 30;
  std::string_view unit;
  const std::optional<size_t> number = LeadingNumber<size_t>(text, &unit);
  const std::string lower_unit = absl::AsciiStrToLower({unit.data(), unit.size()});
  for (const auto& [name, factor] : kUnits) {
    if (!number.has_value() || lower_unit != name || *number > kLargest / factor) continue;
    return *number * factor;
  }
  return absl::InvalidArgumentError(
      fmt::format("'{}' is not a number or size; examples: 256, 65536, 64KiB, 1MiB", text));
}

void LimitFlags::AddTo(CLI::App& app) {
  for (size_t i = 0; i < texts_.size(); ++i) {
    const LimitFlag& flag = Flags()[i];
    AddValue(app, flag.name, flag.argument, flag.description, &texts_[i])->group("Limits");
  }
}

absl::StatusOr<proxy::Limits> LimitFlags::Check() const {
  proxy::Limits limits;
  for (size_t i = 0; i < texts_.size(); ++i) {
    if (texts_[i].empty()) continue;
    if (const absl::Status status = Flags()[i].set(texts_[i], &limits); !status.ok()) {
      return absl::InvalidArgumentError(fmt::format("--{} {}", Flags()[i].name, Message(status)));
    }
  }
  return limits;
}

}  // namespace sallyport::cli

#include "base/log.h"

#include <fmt/core.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <chrono>
#include <string>

#include "base/clock.h"
#include "base/json.h"

namespace sallyport::log {
namespace {

// Read on every Write, changed once at start.
std::atomic<Level> g_level = Level::kInfo;
std::atomic<Format> g_format = Format::kText;

// The lines are complete when they reach spdlog, which serialises the writers.
spdlog::logger& Sink() {
  static spdlog::logger& logger = *[] {
    auto made = new spdlog::logger("sallyport", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%v");
    made->set_level(spdlog::level::trace);
    made->flush_on(spdlog::level::trace);
    return made;
  }();
  return logger;
}

std::string_view Name(Level level) {
  switch (level) {
    case Level::kError:
      return "error";
    case Level::kWarn:
      return "warn";
    case Level::kInfo:
      return "info";
    case Level::kDebug:
      return "debug";
  }
  return "error";
}

bool IsPlainWord(std::string_view text) {
  if (text.empty()) return false;
  for (char c : text) {
    if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c >= 0x7F) return false;
  }
  return true;
}

std::string TextLine(Level level, std::string_view component, std::string_view message,
                     std::initializer_list<Field> fields) {
  std::string line = FormatRfc3339(std::chrono::system_clock::now());
  line += fmt::format(" {} {} ", Name(level), component);
  // A message may quote input; a line must stay one line.
  for (char c : message) line.push_back(c == '\n' || c == '\r' || c == '\x1b' ? ' ' : c);
  for (const Field& field : fields) {
    line += fmt::format(" {}=", field.key());
    if (IsPlainWord(field.value())) {
      line += field.value();
    } else {
      AppendJsonString(&line, field.value());
    }
  }
  return line;
}

std::string JsonLine(Level level, std::string_view component, std::string_view message,
                     std::initializer_list<Field> fields) {
  std::string line = "{\"time\":";
  AppendJsonString(&line, FormatRfc3339(std::chrono::system_clock::now()));
  line += fmt::format(",\"level\":\"{}\",\"component\":", Name(level));
  AppendJsonString(&line, component);
  line.append(",\"message\":");
  AppendJsonString(&line, message);
  for (const Field& field : fields) {
    line.push_back(',');
    AppendJsonString(&line, field.key());
    line.push_back(':');
    if (field.is_number()) {
      line += field.value();
    } else {
      AppendJsonString(&line, field.value());
    }
  }
  line.push_back('}');
  return line;
}

}  // namespace

absl::StatusOr<Level> ParseLevel(std::string_view name) {
  for (Level level : {Level::kError, Level::kWarn, Level::kInfo, Level::kDebug}) {
    if (name == Name(level)) return level;
  }
  return absl::InvalidArgumentError(
      fmt::format("unknown log level '{}'; use error, warn, info or debug", name));
}

absl::StatusOr<Format> ParseFormat(std::string_view name) {
  if (name == "text") return Format::kText;
  if (name == "json") return Format::kJson;
  return absl::InvalidArgumentError(fmt::format("unknown log format '{}'; use text or json", name));
}

void Configure(Level level, Format format) {
  g_level.store(level, std::memory_order_relaxed);
  g_format.store(format, std::memory_order_relaxed);
}

bool Enabled(Level level) { return level <= g_level.load(std::memory_order_relaxed); }

void Write(Level level, std::string_view component, std::string_view message,
           std::initializer_list<Field> fields) {
  if (!Enabled(level)) return;
  const std::string line = g_format.load(std::memory_order_relaxed) == Format::kJson
                               ? JsonLine(level, component, message, fields)
                               : TextLine(level, component, message, fields);
  Sink().log(spdlog::level::info, spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace sallyport::log

#include "proxy/audit/json_lines.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <string_view>

#include "base/json.h"

namespace sallyport::audit {
namespace {

// By byte: whether it needs no escape in JSON.
constexpr auto kPlain = [] {
  std::array<bool, 256> plain = {};
  for (size_t c = ' '; c <= '~'; ++c) plain[c] = c != '"' && c != '\\';
  return plain;
}();

bool IsPlain(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return kPlain[static_cast<uint8_t>(c)]; });
}

void AppendText(std::string* out, std::string_view key, std::string_view text) {
  out->append(key);
  if (text.empty()) {
    out->append("null");
  } else if (IsPlain(text)) {
    out->push_back('"');
    out->append(text);
    out->push_back('"');
  } else {
    AppendJsonString(out, text);
  }
}

void AppendInteger(std::string* out, int64_t number) {
  char buffer[24];
  out->append(buffer, std::to_chars(buffer, buffer + sizeof(buffer), number).ptr);
}

void AppendCount(std::string* out, std::string_view key, uint64_t number) {
  out->append(key);
  char buffer[24];
  out->append(buffer, std::to_chars(buffer, buffer + sizeof(buffer), number).ptr);
}

void AppendThreeDigits(std::string* out, int64_t number) {
  const char digits[] = {static_cast<char>('0' + number / 100),
                         static_cast<char>('0' + number / 10 % 10),
                         static_cast<char>('0' + number % 10)};
  out->append(digits, sizeof(digits));
}

// To the microsecond: "12.345", and "12" for a whole number. Not std::to_chars for double, which
// takes several times as long.
void AppendMilliseconds(std::string* out, std::string_view key,
                        std::optional<double> milliseconds) {
  out->append(key);
  if (!milliseconds) {
    out->append("null");
    return;
  }
  // 31 years, and far from where llround has no answer.
  constexpr double kLongest = 1e12;
  const int64_t microseconds =
      std::llround(std::clamp(std::isnan(*milliseconds) ? 0 : *milliseconds, 0.0, kLongest) * 1000);
  AppendInteger(out, microseconds / 1000);
  if (microseconds % 1000 == 0) return;
  out->push_back('.');
  AppendThreeDigits(out, microseconds % 1000);
}

void AppendNames(std::string* out, std::string_view key, const std::vector<std::string>& names) {
  out->append(key);
  out->push_back('[');
  for (size_t i = 0; i < names.size(); ++i) AppendText(out, i == 0 ? "" : ",", names[i]);
  out->push_back(']');
}

void AppendTime(WallTime time, std::string* out) {
  // The text of the second last written, up to and with the point: nearly all records share theirs
  // with the one before.
  static thread_local int64_t last_second = -1;
  static thread_local std::string last_text;
  const auto whole = std::chrono::floor<std::chrono::seconds>(time);
  const int64_t second = whole.time_since_epoch().count();
  if (second != last_second) {
    last_second = second;
    last_text = FormatRfc3339(whole).substr(0, std::string_view("2026-01-02T03:04:05.").size());
  }
  out->append("{\"time\":\"").append(last_text);
  AppendThreeDigits(out, std::chrono::floor<std::chrono::milliseconds>(time - whole).count());
  out->append("Z\"");
}

}  // namespace

std::string_view NameOf(AuditEvent event) {
  switch (event) {
    case AuditEvent::kRequest:
      return "request";
    case AuditEvent::kTunnel:
      return "tunnel";
    case AuditEvent::kDenied:
      return "denied";
    case AuditEvent::kPolicy:
      return "policy";
    case AuditEvent::kCredential:
      return "credential";
    case AuditEvent::kLifecycle:
      return "lifecycle";
  }
  return "unknown";
}

void JsonLines::Append(const AuditRecord& record, std::string* out) const {
  AppendKeys(record, out);
  out->append("}\n");
}

void JsonLines::AppendTotals(const AuditRecord& record, const LogTotals& totals,
                             std::string* out) const {
  AppendKeys(record, out);
  AppendCount(out, ",\"written\":", totals.written);
  AppendCount(out, ",\"dropped\":", totals.dropped);
  out->append("}\n");
}

void JsonLines::AppendKeys(const AuditRecord& record, std::string* out) const {
  AppendTime(record.time == WallTime() ? std::chrono::system_clock::now() : record.time, out);
  AppendText(out, ",\"event\":", NameOf(record.event));
  AppendText(out, ",\"sandbox\":", sandbox_);
  AppendText(out, ",\"client\":", record.client);
  out->append(",\"pid\":");
  if (record.pid) {
    AppendInteger(out, *record.pid);
  } else {
    out->append("null");
  }
  AppendText(out, ",\"binary\":", record.binary);
  AppendText(out, ",\"method\":", record.method);
  AppendText(out, ",\"scheme\":", record.scheme);
  AppendText(out, ",\"host\":", record.host);
  out->append(",\"port\":");
  if (record.port != 0) {
    AppendInteger(out, record.port);
  } else {
    out->append("null");
  }
  AppendText(out, ",\"path\":", record.path);
  AppendText(out, ",\"protocol\":", record.protocol);
  AppendText(out, ",\"upstreamProtocol\":", record.upstream_protocol);
  AppendText(out, ",\"decision\":", record.decision);
  AppendText(out, ",\"by\":", record.by);
  AppendText(out, ",\"rule\":", record.rule);
  AppendNames(out, ",\"injected\":", record.injected);
  out->append(",\"status\":");
  if (record.status != 0) {
    AppendInteger(out, record.status);
  } else {
    out->append("null");
  }
  AppendCount(out, ",\"requestBytes\":", record.request_bytes);
  AppendCount(out, ",\"responseBytes\":", record.response_bytes);
  AppendMilliseconds(out, ",\"durationMs\":", record.duration_ms);
  AppendMilliseconds(out, ",\"upstreamMs\":", record.upstream_ms);
  AppendCount(out, ",\"scrubbed\":", record.scrubbed);
  if (record.scrub_skipped) out->append(R"(,"scrub":"skipped")");
  AppendText(out, ",\"error\":", record.error);
}

}  // namespace sallyport::audit

#include "proxy/audit/json_lines.h"

#include <gtest/gtest.h>

#include <limits>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

namespace sallyport::audit {
namespace {

using nlohmann::json;

AuditRecord WholeRecord() {
  AuditRecord record;
  // 2026-01-02T03:04:05.678Z
  record.time = WallTime(std::chrono::milliseconds(1767323045678));
  record.client = "127.0.0.1:4711";
  record.pid = 99;
  record.binary = "/usr/bin/curl";
  record.method = "POST";
  record.scheme = "https";
  record.host = "api.example.com";
  record.port = 443;
  record.path = "/v1/messages";
  record.protocol = "h2";
  record.upstream_protocol = "http/1.1";
  record.decision = "allowed";
  record.by = "allowedDomains[2]";
  record.rule = "credentials[0]";
  record.injected = {"authorization", "x-api-key"};
  record.status = 200;
  record.request_bytes = 12;
  record.response_bytes = 34;
  record.duration_ms = 56.789;
  record.upstream_ms = 50;
  record.scrubbed = 1;
  record.error = "reset";
  return record;
}

std::string Line(const AuditRecord& record, const std::string& sandbox = {}) {
  JsonLines lines(sandbox);
  std::string text;
  lines.Append(record, &text);
  return text;
}

TEST(JsonLinesTest, WritesEveryFieldInOrder) {
  EXPECT_EQ(Line(WholeRecord(), "box"),
            R"({"time":"2026-01-02T03:04:05.678Z","event":"request","sandbox":"box",)"
            R"("client":"127.0.0.1:4711","pid":99,"binary":"/usr/bin/curl","method":"POST",)"
            R"("scheme":"https","host":"api.example.com","port":443,"path":"/v1/messages",)"
            R"("protocol":"h2","upstreamProtocol":"http/1.1","decision":"allowed",)"
            R"("by":"allowedDomains[2]","rule":"credentials[0]",)"
            R"("injected":["authorization","x-api-key"],"status":200,"requestBytes":12,)"
            R"("responseBytes":34,"durationMs":56.789,"upstreamMs":50,"scrubbed":1,)"
            R"("error":"reset"})"
            "\n");
}

TEST(JsonLinesTest, SaysWhereARepliesBodyWasNotLookedInto) {
  AuditRecord record;
  record.scrub_skipped = true;
  EXPECT_NE(Line(record).find(R"("scrubbed":0,"scrub":"skipped","error")"), std::string::npos);
  record.Clear();
  EXPECT_EQ(Line(record).find("skipped"), std::string::npos);
}

TEST(JsonLinesTest, WhatIsAbsentIsNull) {
  AuditRecord record;
  record.time = WallTime(std::chrono::seconds(1));
  EXPECT_EQ(Line(record),
            R"({"time":"1970-01-01T00:00:01.000Z","event":"request","sandbox":null,)"
            R"("client":null,"pid":null,"binary":null,"method":null,"scheme":null,"host":null,)"
            R"("port":null,"path":null,"protocol":null,"upstreamProtocol":null,"decision":null,)"
            R"("by":null,"rule":null,"injected":[],"status":null,"requestBytes":0,)"
            R"("responseBytes":0,"durationMs":0,"upstreamMs":null,"scrubbed":0,"error":null})"
            "\n");
}

TEST(JsonLinesTest, NamesEveryEvent) {
  const struct {
    AuditEvent event;
    const char* name;
  } cases[] = {
      {AuditEvent::kRequest, "request"},       {AuditEvent::kTunnel, "tunnel"},
      {AuditEvent::kDenied, "denied"},         {AuditEvent::kPolicy, "policy"},
      {AuditEvent::kCredential, "credential"}, {AuditEvent::kLifecycle, "lifecycle"},
  };
  for (const auto& c : cases) {
    AuditRecord record;
    record.event = c.event;
    EXPECT_EQ(json::parse(Line(record))["event"], c.name);
  }
}

TEST(JsonLinesTest, HostileTextStaysOneLineOfValidJson) {
  const std::string hostile[] = {"line\nbreak\r\n{\"event\":\"request\"}",
                                 "quote\" backslash\\ tab\t",
                                 std::string("a\0b", 3),
                                 "\x7f\x1b[31m",
                                 "not utf-8 \xff\xc0\xaf",
                                 "\u00fc\u4e16\U0001f600"};
  for (const std::string& text : hostile) {
    AuditRecord record;
    record.path = text;
    record.method = text;
    record.error = text;
    record.injected = {text};
    const std::string line = Line(record, text);
    EXPECT_EQ(line.find('\n'), line.size() - 1);
    const json parsed = json::parse(line);
    EXPECT_EQ(parsed["path"], parsed["error"]);
    EXPECT_EQ(parsed["injected"][0], parsed["sandbox"]);
    for (const char c : line.substr(0, line.size() - 1)) {
      EXPECT_FALSE(static_cast<unsigned char>(c) < 0x20 || c == 0x7f) << line;
    }
  }
  AuditRecord record;
  record.path = hostile[1];
  EXPECT_EQ(json::parse(Line(record))["path"], hostile[1]);
}

TEST(JsonLinesTest, DurationsAreMillisecondsToTheMicrosecond) {
  const struct {
    double milliseconds;
    const char* text;
  } cases[] = {
      {0, "0"},
      {0.0004, "0"},
      {0.0005, "0.001"},
      {0.25, "0.250"},
      {1.05, "1.050"},
      {300000, "300000"},
      {-1, "0"},
      {std::numeric_limits<double>::quiet_NaN(), "0"},
      {std::numeric_limits<double>::infinity(), "1000000000000"},
  };
  for (const auto& c : cases) {
    AuditRecord record;
    record.duration_ms = c.milliseconds;
    const std::string expected = fmt::format("\"durationMs\":{},", c.text);
    EXPECT_NE(Line(record).find(expected), std::string::npos) << c.text << " in " << Line(record);
  }
}

TEST(JsonLinesTest, TimesOfOneSecondAndTheNext) {
  JsonLines lines("");
  const int64_t start = 1767323045;
  for (const int64_t milliseconds : {start * 1000, start * 1000 + 7, start * 1000 + 999,
                                     (start + 1) * 1000, start * 1000 + 42}) {
    AuditRecord record;
    record.time = WallTime(std::chrono::milliseconds(milliseconds));
    std::string text;
    lines.Append(record, &text);
    EXPECT_EQ(json::parse(text)["time"], FormatRfc3339(record.time));
  }
}

TEST(JsonLinesTest, TotalsAreALifecycleRecord) {
  JsonLines lines("box");
  AuditRecord record;
  record.event = AuditEvent::kLifecycle;
  std::string text;
  lines.AppendTotals(record, {.written = 5, .dropped = 2}, &text);
  const json parsed = json::parse(text);
  EXPECT_EQ(parsed["event"], "lifecycle");
  EXPECT_EQ(parsed["written"], 5);
  EXPECT_EQ(parsed["dropped"], 2);
}

TEST(AuditRecordTest, ClearedIsAsNew) {
  AuditRecord record = WholeRecord();
  record.Clear();
  EXPECT_EQ(record.time, WallTime());
  // A record without a time is written with that of its writing, which passes between two lines.
  AuditRecord fresh;
  record.time = fresh.time = WholeRecord().time;
  EXPECT_EQ(Line(record), Line(fresh));
}

}  // namespace
}  // namespace sallyport::audit

#include "proxy/audit/ocsf_lines.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace sallyport::audit {
namespace {

using nlohmann::json;

json Event(const AuditRecord& record, const std::string& sandbox = "") {
  std::string line;
  OcsfLines(sandbox).Append(record, &line);
  EXPECT_EQ(line.back(), '\n');
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  return json::parse(line);
}

AuditRecord Request() {
  AuditRecord record;
  record.time = WallTime(std::chrono::milliseconds(1767323045678));
  record.client = "127.0.0.1:4711";
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
  record.injected = {"authorization"};
  record.status = 200;
  record.request_bytes = 12;
  record.response_bytes = 34;
  record.duration_ms = 56.789;
  record.upstream_ms = 50;
  record.scrubbed = 1;
  return record;
}

TEST(OcsfLinesTest, ARequestIsHttpActivity) {
  json event = Event(Request(), "blue");
  EXPECT_EQ(event["metadata"]["product"]["name"], "sallyport");
  EXPECT_EQ(event["metadata"]["version"], "1.3.0");
  event.erase("metadata");
  EXPECT_EQ(event, json::parse(R"({
    "time": 1767323045678, "class_uid": 4002, "category_uid": 4, "activity_id": 6,
    "type_uid": 400206, "severity_id": 1, "action_id": 1, "disposition_id": 1, "status_id": 1,
    "firewall_rule": {"name": "allowedDomains[2]"},
    "src_endpoint": {"name": "blue", "ip": "127.0.0.1", "port": 4711},
    "dst_endpoint": {"hostname": "api.example.com", "port": 443},
    "connection_info": {"protocol_name": "tcp", "protocol_num": 6, "direction_id": 2},
    "traffic": {"bytes_in": 34, "bytes_out": 12},
    "http_request": {"http_method": "POST", "version": "h2",
                     "url": {"scheme": "https", "hostname": "api.example.com", "port": 443,
                             "path": "/v1/messages"}},
    "http_response": {"code": 200, "length": 34},
    "duration": 57,
    "unmapped": {"event": "request", "rule": "credentials[0]", "injected": ["authorization"],
                 "upstreamProtocol": "http/1.1", "upstreamMs": 50, "scrubbed": 1}})"));
}

TEST(OcsfLinesTest, EachMethodHasItsActivity) {
  AuditRecord record = Request();
  for (const auto& [method, activity] :
       std::vector<std::pair<std::string, int>>{{"CONNECT", 1},
                                                {"DELETE", 2},
                                                {"GET", 3},
                                                {"HEAD", 4},
                                                {"OPTIONS", 5},
                                                {"POST", 6},
                                                {"PUT", 7},
                                                {"TRACE", 8},
                                                {"PROPFIND", 99}}) {
    record.method = method;
    const json event = Event(record);
    EXPECT_EQ(event["activity_id"], activity) << method;
    EXPECT_EQ(event["type_uid"], 400200 + activity) << method;
    EXPECT_EQ(event.value("activity_name", ""), activity == 99 ? method : "") << method;
  }
}

TEST(OcsfLinesTest, WhatWasDeniedSaysSo) {
  AuditRecord record = Request();
  record.event = AuditEvent::kDenied;
  record.decision = "denied";
  record.error = "host_denied";
  json event = Event(record);
  EXPECT_EQ(event["class_uid"], 4002);
  EXPECT_EQ(event["action_id"], 2);
  EXPECT_EQ(event["disposition_id"], 2);
  EXPECT_EQ(event["status_id"], 2);
  EXPECT_EQ(event["severity_id"], 2);
  EXPECT_EQ(event["status_detail"], "host_denied");

  record.method = "";
  event = Event(record);
  EXPECT_EQ(event["type_uid"], 400105) << "a connection that was refused before any request";
  EXPECT_FALSE(event.contains("http_request"));

  record = Request();
  record.decision = "audited";
  event = Event(record);
  EXPECT_EQ(event["action_id"], 1);
  EXPECT_EQ(event["disposition_id"], 17) << "logged only";
}

TEST(OcsfLinesTest, ATunnelIsNetworkActivityThatClosed) {
  AuditRecord record = Request();
  record.event = AuditEvent::kTunnel;
  record.client = "[2001:db8::1]:99";
  record.pid = 7;
  record.binary = "/usr/bin/curl";
  const json event = Event(record);
  EXPECT_EQ(event["type_uid"], 400102);
  EXPECT_EQ(event["src_endpoint"], json::parse(R"({"ip": "2001:db8::1", "port": 99})"));
  EXPECT_EQ(event["actor"], json::parse(R"({"process": {"pid": 7, "file": {
      "name": "curl", "path": "/usr/bin/curl", "type_id": 1}}})"));
}

TEST(OcsfLinesTest, StartEndAndChangesHaveTheirClasses) {
  AuditRecord record;
  record.event = AuditEvent::kLifecycle;
  record.decision = "started";
  const json start = Event(record);
  EXPECT_EQ(start["type_uid"], 600203);
  EXPECT_EQ(start["app"]["name"], "sallyport");
  EXPECT_EQ(start["message"], "started");

  std::string line;
  OcsfLines("").AppendTotals(record, {.written = 5, .dropped = 2}, &line);
  const json stop = json::parse(line);
  EXPECT_EQ(stop["type_uid"], 600204);
  EXPECT_EQ(stop["unmapped"]["written"], 5);
  EXPECT_EQ(stop["unmapped"]["dropped"], 2);

  record.event = AuditEvent::kPolicy;
  const json policy = Event(record);
  EXPECT_EQ(policy["class_uid"], 0);
  EXPECT_EQ(policy["activity_name"], "policy");
}

TEST(OcsfLinesTest, HostileTextStaysOneLineOfValidJson) {
  AuditRecord record = Request();
  record.path = "/\"\n}\x01\xff";
  record.client = "unix";
  const json event = Event(record);
  EXPECT_EQ(event["src_endpoint"], json::parse(R"({"type_id": 99, "type": "unix"})"));
  EXPECT_EQ(event["http_request"]["url"]["path"], "/\"\n}\x01\xEF\xBF\xBD");
}

}  // namespace
}  // namespace sallyport::audit

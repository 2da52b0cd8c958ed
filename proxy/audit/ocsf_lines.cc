#include "proxy/audit/ocsf_lines.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "proxy/audit/json_lines.h"

namespace sallyport::audit {
namespace {

// class_uid: the category in thousands, and the class.
enum ClassUid : int {
  kBaseEvent = 0,
  kNetworkActivity = 4001,
  kHttpActivity = 4002,
  kApplicationLifecycle = 6002,
};

// activity_id is a number of the class; this one means that activity_name says it.
constexpr int kOtherActivity = 99;
constexpr int kClose = 2;
constexpr int kRefuse = 5;
constexpr int kStart = 3;
constexpr int kStop = 4;

constexpr std::string_view kHttpMethods[] = {"CONNECT", "DELETE", "GET", "HEAD",
                                             "OPTIONS", "POST",   "PUT", "TRACE"};

// Writes one object, and those in it; the destructor ends the line. Empty text is left out.
class EventWriter {
 public:
  explicit EventWriter(std::string* out) : out_(out) { out_->push_back('{'); }
  ~EventWriter() { out_->append("}\n"); }
  EventWriter(const EventWriter&) = delete;
  EventWriter& operator=(const EventWriter&) = delete;

  void Text(std::string_view key, std::string_view text) {
    if (text.empty()) return;
    Key(key);
    AppendJsonString(out_, text);
  }

  void Number(std::string_view key, int64_t number) {
    Key(key);
    char digits[24];
    out_->append(digits, std::to_chars(digits, std::end(digits), number).ptr);
  }

  void Texts(std::string_view key, const std::vector<std::string>& texts) {
    if (texts.empty()) return;
    Key(key);
    for (size_t i = 0; i < texts.size(); ++i) {
      out_->push_back(i == 0 ? '[' : ',');
      AppendJsonString(out_, texts[i]);
    }
    out_->push_back(']');
  }

  void Open(std::string_view key) {
    Key(key);
    out_->push_back('{');
    first_ = true;
  }
  void Close() {
    out_->push_back('}');
    first_ = false;
  }

 private:
  void Key(std::string_view key) {
    if (!first_) out_->push_back(',');
    first_ = false;
    out_->push_back('"');
    out_->append(key);
    out_->append("\":");
  }

  std::string* out_;
  bool first_ = true;
};

ClassUid ClassOf(const AuditRecord& record) {
  switch (record.event) {
    case AuditEvent::kRequest:
      return kHttpActivity;
    case AuditEvent::kDenied:
      return record.method.empty() ? kNetworkActivity : kHttpActivity;
    case AuditEvent::kTunnel:
      return kNetworkActivity;
    case AuditEvent::kLifecycle:
      return kApplicationLifecycle;
    case AuditEvent::kPolicy:
    case AuditEvent::kCredential:
      return kBaseEvent;
  }
  return kBaseEvent;
}

int ActivityOf(ClassUid event_class, const AuditRecord& record, bool last) {
  switch (event_class) {
    case kNetworkActivity:
      return record.event == AuditEvent::kDenied ? kRefuse : kClose;
    case kHttpActivity: {
      const auto method = std::ranges::find(kHttpMethods, record.method);
      if (method == std::end(kHttpMethods)) return kOtherActivity;
      return static_cast<int>(method - kHttpMethods) + 1;
    }
    case kApplicationLifecycle:
      return last ? kStop : kStart;
    case kBaseEvent:
      return kOtherActivity;
  }
  return kOtherActivity;
}

int64_t Milliseconds(double duration) {
  return std::isnan(duration) ? 0 : std::llround(std::clamp(duration, 0.0, 1e12));
}

void WriteProduct(std::string_view key, EventWriter* writer) {
  writer->Open(key);
  writer->Text("name", "sallyport");
  writer->Text("vendor_name", "sallyport");
  writer->Text("version", SALLYPORT_VERSION);
  writer->Close();
}

void WriteClassification(const AuditRecord& record, bool last, EventWriter* writer) {
  const ClassUid event_class = ClassOf(record);
  const int activity = ActivityOf(event_class, record, last);
  writer->Number("class_uid", event_class);
  writer->Number("category_uid", event_class / 1000);
  writer->Number("activity_id", activity);
  if (activity == kOtherActivity) {
    writer->Text("activity_name", event_class == kHttpActivity ? std::string_view(record.method)
                                                               : NameOf(record.event));
  }
  writer->Number("type_uid", event_class * 100 + activity);
  writer->Open("metadata");
  writer->Text("version", "1.3.0");
  WriteProduct("product", writer);
  writer->Texts("profiles", {"security_control", "host"});
  writer->Close();
  if (event_class == kApplicationLifecycle) WriteProduct("app", writer);
}

// Of the security_control profile. Something that neither passed nor was held back has none.
void WriteDecision(const AuditRecord& record, EventWriter* writer) {
  constexpr int kAllowed = 1;
  constexpr int kDenied = 2;
  constexpr int kLogged = 17;
  const bool denied = record.decision == "denied";
  const bool audited = record.decision == "audited";
  constexpr int kInformational = 1;
  constexpr int kLow = 2;
  writer->Number("severity_id", denied || audited ? kLow : kInformational);
  if (denied || audited || record.decision == "allowed") {
    writer->Number("action_id", denied ? kDenied : kAllowed);
    writer->Number("disposition_id", denied ? kDenied : audited ? kLogged : kAllowed);
  } else {
    writer->Text("message", record.decision);
  }
  constexpr int kSuccess = 1;
  constexpr int kFailure = 2;
  writer->Number("status_id", denied || !record.error.empty() ? kFailure : kSuccess);
  writer->Text("status_detail", record.error);
  if (!record.by.empty()) {
    writer->Open("firewall_rule");
    writer->Text("name", record.by);
    writer->Close();
  }
}

// "192.0.2.1:80", "[2001:db8::1]:80", or another word for where a client is.
void WriteClient(std::string_view client, std::string_view sandbox, EventWriter* writer) {
  if (client.empty() && sandbox.empty()) return;
  constexpr int kOtherType = 99;
  writer->Open("src_endpoint");
  writer->Text("name", sandbox);
  const size_t colon = client.rfind(':');
  uint16_t port = 0;
  if (colon != client.npos &&
      std::from_chars(client.data() + colon + 1, client.data() + client.size(), port).ec ==
          std::errc()) {
    std::string_view address = client.substr(0, colon);
    if (address.starts_with('[')) address = address.substr(1, address.size() - 2);
    writer->Text("ip", address);
    writer->Number("port", port);
  } else if (!client.empty()) {
    writer->Number("type_id", kOtherType);
    writer->Text("type", client);
  }
  writer->Close();
}

void WriteProgram(const AuditRecord& record, EventWriter* writer) {
  if (!record.pid.has_value() && record.binary.empty()) return;
  writer->Open("actor");
  writer->Open("process");
  if (record.pid.has_value()) writer->Number("pid", *record.pid);
  if (!record.binary.empty()) {
    constexpr int kRegularFile = 1;
    writer->Open("file");
    writer->Text("name", std::string_view(record.binary).substr(record.binary.rfind('/') + 1));
    writer->Text("path", record.binary);
    writer->Number("type_id", kRegularFile);
    writer->Close();
  }
  writer->Close();
  writer->Close();
}

void WriteDestination(const AuditRecord& record, EventWriter* writer) {
  if (record.host.empty()) return;
  writer->Open("dst_endpoint");
  writer->Text("hostname", record.host);
  if (record.port != 0) writer->Number("port", record.port);
  writer->Close();
  constexpr int kTcp = 6;
  constexpr int kOutbound = 2;
  writer->Open("connection_info");
  writer->Text("protocol_name", "tcp");
  writer->Number("protocol_num", kTcp);
  writer->Number("direction_id", kOutbound);
  writer->Close();
  writer->Open("traffic");
  writer->Number("bytes_in", static_cast<int64_t>(record.response_bytes));
  writer->Number("bytes_out", static_cast<int64_t>(record.request_bytes));
  writer->Close();
}

void WriteHttp(const AuditRecord& record, EventWriter* writer) {
  if (ClassOf(record) != kHttpActivity) return;
  writer->Open("http_request");
  writer->Text("http_method", record.method);
  writer->Text("version", record.protocol);
  writer->Open("url");
  writer->Text("scheme", record.scheme);
  writer->Text("hostname", record.host);
  if (record.port != 0) writer->Number("port", record.port);
  writer->Text("path", record.path);
  writer->Close();
  writer->Close();
  if (record.status == 0) return;
  writer->Open("http_response");
  writer->Number("code", record.status);
  writer->Number("length", static_cast<int64_t>(record.response_bytes));
  writer->Close();
}

void WriteUnmapped(const AuditRecord& record, const LogTotals* totals, EventWriter* writer) {
  writer->Open("unmapped");
  writer->Text("event", NameOf(record.event));
  writer->Text("rule", record.rule);
  writer->Texts("injected", record.injected);
  writer->Text("upstreamProtocol", record.upstream_protocol);
  if (record.upstream_ms.has_value()) {
    writer->Number("upstreamMs", Milliseconds(*record.upstream_ms));
  }
  if (record.scrubbed != 0) writer->Number("scrubbed", static_cast<int64_t>(record.scrubbed));
  if (record.scrub_skipped) writer->Text("scrub", "skipped");
  if (totals != nullptr) {
    writer->Number("written", static_cast<int64_t>(totals->written));
    writer->Number("dropped", static_cast<int64_t>(totals->dropped));
  }
  writer->Close();
}

void Write(const AuditRecord& record, std::string_view sandbox, const LogTotals* totals,
           std::string* out) {
  const WallTime time = record.time == WallTime() ? std::chrono::system_clock::now() : record.time;
  EventWriter writer(out);
  writer.Number("time",
                std::chrono::floor<std::chrono::milliseconds>(time).time_since_epoch().count());
  WriteClassification(record, totals != nullptr, &writer);
  WriteDecision(record, &writer);
  WriteClient(record.client, sandbox, &writer);
  WriteProgram(record, &writer);
  WriteDestination(record, &writer);
  WriteHttp(record, &writer);
  if (record.duration_ms != 0) writer.Number("duration", Milliseconds(record.duration_ms));
  WriteUnmapped(record, totals, &writer);
}

}  // namespace

void OcsfLines::Append(const AuditRecord& record, std::string* out) const {
  Write(record, sandbox_, nullptr, out);
}

void OcsfLines::AppendTotals(const AuditRecord& record, const LogTotals& totals,
                             std::string* out) const {
  Write(record, sandbox_, &totals, out);
}

}  // namespace sallyport::audit

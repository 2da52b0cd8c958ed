#include "proxy/exchange/exchange.h"

#include <time.h>

#include <utility>

#include "absl/strings/ascii.h"
#include "base/log.h"
#include "base/secret.h"
#include "proxy/exchange/connection_authentication.h"
#include "proxy/exchange/inject.h"

namespace sallyport::proxy {
namespace {

using http::BodyKind;
using http::LocalReply;
using http::ReplyCode;

// More than any server sends; each may have a full header block.
constexpr int kMaxInformational = 32;

uint64_t MonotonicNs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

ReplyCode CodeOf(upstream::DialErrorKind kind) {
  switch (kind) {
    case upstream::DialErrorKind::kDns:
      return ReplyCode::kDnsFailure;
    case upstream::DialErrorKind::kAddressDenied:
      return ReplyCode::kAddressDenied;
    case upstream::DialErrorKind::kUnreachable:
      return ReplyCode::kUpstreamUnreachable;
    case upstream::DialErrorKind::kTimeout:
      return ReplyCode::kUpstreamTimeout;
    case upstream::DialErrorKind::kTls:
      return ReplyCode::kUpstreamTls;
  }
  return ReplyCode::kUpstreamUnreachable;
}

// RFC 9110 §9.2.2.
bool IsIdempotent(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "OPTIONS" || method == "PUT" ||
         method == "DELETE" || method == "TRACE";
}

}  // namespace

LocalReply DialFailure(const rules::Authority& authority, const upstream::DialError& error) {
  return {.code = CodeOf(error.kind),
          .message = error.message,
          .host = authority.host.name,
          .rule = error.by,
          .hint = error.hint};
}

Exchange::Exchange(ExchangePool* pool)
    : pool_(pool),
      context_(pool->context()),
      stall_timer_(context_->codec->loop, [this] { OnStall(); }) {}

Exchange::~Exchange() = default;

void Exchange::Begin(http::ServerStream* stream, Channel* channel, Owner* owner) {
  stream_ = stream;
  channel_ = channel;
  owner_ = owner;
  request_ = nullptr;
  upstream_ = nullptr;
  waiting_ = reused_ = retried_ = head_sent_ = upgraded_ = body_sent_ = false;
  request_ended_ = reply_ended_ = streaming_ = denied_ = false;
  request_bytes_ = response_bytes_ = leased_ns_ = 0;
  status_ = 0;
  reply_body_ = ReplyScrubber::Body::kPassed;
  informational_ = 0;
  path_.clear();
  method_.clear();
  protocol_ = {};
  error_.clear();
  decided_by_.clear();
  // Of what may be gone by now.
  plan_.decision = {};
  plan_.network.Clear();
  plan_.audited_by = {};
  plan_.applied.clear();
  plan_.carried.clear();
  started_ns_ = MonotonicNs();
  stream->SetListener(this);
}

void Exchange::Refuse(http::ServerStream* stream, LocalReply reply, Channel* channel,
                      Owner* owner) {
  Begin(stream, channel, owner);
  plan_.authority = channel->authority.value_or(rules::Authority());
  plan_.tls = channel->tls;
  Reply(std::move(reply));
}

void Exchange::Start(http::ServerStream* stream, http::RequestHead* request, Channel* channel,
                     Owner* owner) {
  Begin(stream, channel, owner);
  request_ = request;
  protocol_ = stream->protocol();
  if (context_->audit != nullptr) {
    path_.assign(PathWithoutQuery(request->path));
    method_.assign(request->method);
  }
  if (context_->shutting_down) {
    Reply({ReplyCode::kShuttingDown, "the proxy is shutting down", {}, {}, {}});
    return;
  }
  Decide();
}

void Exchange::Decide() {
  std::optional<LocalReply> refused =
      DecideRequest(*request_, channel_, context_->snapshot, &plan_);
  if (refused.has_value() && WantsIdentity(plan_.network, *channel_)) {
    if (request_->body.kind != BodyKind::kNone) stream_->PauseRequest();
    channel_->identity->Await(this);
    return;
  }
  if (!refused.has_value()) {
    rewriter_.Begin(&plan_, *request_);
    refused = PrepareRequest(&plan_, request_);
  }
  if (refused.has_value()) {
    Reply(*std::move(refused));
    return;
  }
  if (IsConnectionAuthentication(*request_)) channel_->http1_only = true;
  scrubber_.Begin(plan_);
  if (rewriter_.mode() == BodyRewriter::Mode::kGather) {
    Touch();
    return;
  }
  if (request_->body.kind != BodyKind::kNone) stream_->PauseRequest();
  Touch();
  Acquire(upstream::Reuse::kAllowed);
}

void Exchange::OnClientKnown() {
  stream_->ResumeRequest();
  Decide();
}

void Exchange::Acquire(upstream::Reuse reuse) {
  waiting_ = true;
  const upstream::Lease lease = context_->pool->Acquire(
      {plan_.tls, plan_.authority, GateOf(plan_), reuse,
       http::EqualsIgnoreCase(request_->upgrade, "websocket"), channel_->http1_only, channel_},
      this);
  if (lease.stream != nullptr) OnLeased(lease);
}

// ---- Forward

void Exchange::OnLeased(const upstream::Lease& lease) {
  waiting_ = false;
  upstream_ = lease.stream;
  reused_ = lease.reused;
  leased_ns_ = MonotonicNs();
  upstream_protocol_ = upstream_->protocol();
  upstream_->SetListener(this);
  if (IsConnectionAuthentication(*request_)) BindUpstream();
  if (lease.forwarding_proxy != nullptr) {
    AddressToProxy(plan_, lease.forwarding_proxy->authorization.Reveal(), request_);
  }
  SendRequestHead();
  if (request_ended_) upstream_->EndRequest();
  stream_->ResumeRequest();
}

void Exchange::SendRequestHead() {
  const bool gathered = rewriter_.mode() == BodyRewriter::Mode::kGather;
  if (!rewriter_.changes_length() || request_->body.kind != BodyKind::kLength) {
    upstream_->SendHead(*request_);
  } else {
    // A copy: the codec that reads the body goes by the original.
    http::RequestHead framed = *request_;
    const std::string length = std::to_string(gathered_.size());
    if (gathered) {
      framed.body.length = gathered_.size();
      framed.headers.Replace({"Content-Length", length, http::HeaderId::kContentLength, false});
    } else {
      framed.body = {BodyKind::kStreamed, 0};
      framed.headers.RemoveIf(
          [](const http::Header& header) { return header.id == http::HeaderId::kContentLength; });
    }
    upstream_->SendHead(framed);
  }
  if (!gathered) return;
  upstream_->SendBody(gathered_);
  rewriter_.Stop();
  WipeString(&gathered_);
  std::string().swap(gathered_);
}

void Exchange::BindUpstream() {
  context_->pool->Bind(upstream_, channel_);
  channel_->has_bound_upstream = true;
  // What HTTP/2 shares cannot be bound: the handshake goes on, or starts anew, on HTTP/1.1.
  channel_->http1_only = true;
}

void Exchange::OnLeaseFailed(const upstream::DialError& error) {
  waiting_ = false;
  decided_by_ = error.by;
  Reply(DialFailure(plan_.authority, error));
}

void Exchange::OnRequestData(std::string_view bytes) {
  request_bytes_ += bytes.size();
  body_sent_ = true;
  Touch();
  if (rewriter_.mode() != BodyRewriter::Mode::kOff) {
    RewriteBody(bytes);
  } else {
    ForwardBody(bytes);
  }
}

void Exchange::ForwardBody(std::string_view bytes) {
  if (upstream_ == nullptr || reply_ended_) return;
  if (upstream_->SendBody(bytes) == net::WriteResult::kBlocked) stream_->PauseRequest();
}

bool Exchange::RewriteBody(std::string_view bytes) {
  const bool gather = rewriter_.mode() == BodyRewriter::Mode::kGather;
  const bool allowed = rewriter_.Write(bytes, [this, gather](std::string_view piece) {
    if (gather) {
      AppendWiping(piece, &gathered_);
    } else {
      ForwardBody(piece);
    }
  });
  if (!allowed) RefuseBody();
  return allowed;
}

bool Exchange::FinishBody() {
  const bool gather = rewriter_.mode() == BodyRewriter::Mode::kGather;
  const bool allowed = rewriter_.Finish([this, gather](std::string_view piece) {
    if (gather) {
      AppendWiping(piece, &gathered_);
    } else {
      ForwardBody(piece);
    }
  });
  if (!allowed) {
    RefuseBody();
  } else if (!gather) {
    rewriter_.Stop();
  }
  return allowed;
}

// What went upstream of the request stays incomplete there.
void Exchange::RefuseBody() {
  LocalReply reply = rewriter_.refusal();
  if (!head_sent_) {
    Reply(std::move(reply));
    return;
  }
  denied_ = true;
  denial_ = http::NameOf(reply.code);
  decided_by_ = std::move(reply.rule);
  AbortReply(denial_);
}

void Exchange::OnRequestDrained() {
  Touch();
  stream_->ResumeRequest();
}

void Exchange::OnRequestTrailers(const http::HeaderList& trailers) {
  if (rewriter_.mode() == BodyRewriter::Mode::kStream && !FinishBody()) return;
  if (upstream_ != nullptr) upstream_->SendTrailers(FilterRequestTrailers(plan_, trailers));
}

void Exchange::OnRequestEnd() {
  request_ended_ = true;
  if (rewriter_.mode() != BodyRewriter::Mode::kOff) {
    const bool gathered = rewriter_.mode() == BodyRewriter::Mode::kGather;
    if (!FinishBody()) return;
    if (gathered) {
      Acquire(upstream::Reuse::kAllowed);
      return;
    }
  }
  if (upstream_ != nullptr) upstream_->EndRequest();
  if (upgraded_ && reply_ended_) Finish();
}

void Exchange::OnRequestBroken(std::string_view reason) {
  Reply({ReplyCode::kBadRequest, std::string(reason), {}, {}, {}});
}

void Exchange::OnClientGone(std::string_view reason) {
  stream_ = nullptr;
  error_ = reason;
  Finish();
}

// ---- Respond

void Exchange::OnInformational(http::ResponseHead* head) {
  // They are passed on without waiting for the client, so there must be an end to them.
  if (++informational_ > kMaxInformational) {
    Reply({ReplyCode::kUpstreamProtocol,
           "too many interim replies",
           plan_.authority.host.name,
           {},
           {}});
    return;
  }
  Touch();
  PrepareReply(plan_.tls, head);
  scrubber_.ScrubHead(head);
  stream_->SendInformational(*head);
}

void Exchange::OnReplyHead(http::ResponseHead* head) {
  Touch();
  if (OffersConnectionAuthentication(*head)) BindUpstream();
  PrepareReply(plan_.tls, head);
  reply_body_ = scrubber_.BeginBody(*head);
  if (reply_body_ == ReplyScrubber::Body::kRefused) {
    Reply({ReplyCode::kUnscrubbableReply,
           "the reply is encoded, and cannot be searched for the credential",
           plan_.authority.host.name,
           {},
           {}});
    return;
  }
  scrubber_.ScrubHead(head);
  status_ = head->status;
  head_sent_ = true;
  upgraded_ = head->status == 101;
  streaming_ = upgraded_ || head->body.kind == BodyKind::kStreamed ||
               head->body.kind == BodyKind::kUntilClose;
  if (streaming_) stall_timer_.Stop();
  // The upgraded protocol's bytes go both ways from here.
  if (upgraded_) request_ended_ = false;
  stream_->SendHead(*head);
  if (upgraded_) stream_->ResumeRequest();
}

void Exchange::OnReplyData(std::string_view bytes) {
  response_bytes_ += bytes.size();
  Touch();
  if (reply_body_ == ReplyScrubber::Body::kSearched) {
    scrubber_.Write(bytes, [this](std::string_view piece) { SendReplyData(piece); });
  } else {
    SendReplyData(bytes);
  }
}

void Exchange::SendReplyData(std::string_view bytes) {
  const bool blocked = stream_->SendBody(bytes) == net::WriteResult::kBlocked;
  if (blocked && upstream_ != nullptr) upstream_->PauseReply();
}

void Exchange::FlushReply() {
  if (reply_body_ != ReplyScrubber::Body::kSearched) return;
  scrubber_.Finish([this](std::string_view piece) { SendReplyData(piece); });
}

void Exchange::OnResponseDrained() {
  Touch();
  if (upstream_ != nullptr) upstream_->ResumeReply();
}

void Exchange::OnReplyTrailers(const http::HeaderList& trailers) {
  FlushReply();
  http::HeaderList kept = FilterReplyTrailers(trailers);
  Arena arena;
  scrubber_.ScrubTrailers(&kept, &arena);
  stream_->SendTrailers(kept);
}

void Exchange::OnReplyEnd(net::EndKind kind) {
  FlushReply();
  reply_ended_ = true;
  if (upgraded_ && !request_ended_) {
    stream_->EndResponse(kind);
    return;
  }
  ReleaseUpstream();
  http::ServerStream* stream = std::exchange(stream_, nullptr);
  // Before the stream goes on to its next request, so that this exchange can serve that one too.
  Finish();
  stream->EndResponse(kind);
}

bool Exchange::MayRetry(http::StreamError error, bool nothing_received) const {
  if (retried_ || body_sent_) return false;
  if (error == http::StreamError::kRefused) return true;
  return reused_ && nothing_received && request_->body.kind == BodyKind::kNone &&
         IsIdempotent(request_->method);
}

void Exchange::OnReplyError(http::StreamError error, bool nothing_received,
                            const std::string& detail) {
  ReleaseUpstream();
  if (head_sent_) {
    AbortReply(detail);
    return;
  }
  if (MayRetry(error, nothing_received)) {
    retried_ = true;
    Acquire(upstream::Reuse::kForbidden);
    return;
  }
  Reply({ReplyCode::kUpstreamProtocol, detail, plan_.authority.host.name, {}, {}});
}

// ---- Finish

void Exchange::Touch() {
  if (!streaming_) stall_timer_.Start(context_->stall_timeout);
}

void Exchange::OnStall() {
  if (head_sent_) {
    AbortReply("no byte moved in time");
    return;
  }
  // The rest of its body is not waited for either.
  if (!request_ended_) stream_->EndConnection();
  Reply({ReplyCode::kUpstreamTimeout,
         "the upstream did not answer in time",
         plan_.authority.host.name,
         {},
         {}});
}

// Finish() lets go of everything that a reference might have come from.
// NOLINTNEXTLINE(performance-unnecessary-value-param): hence a value, which callers move in.
void Exchange::Reply(LocalReply reply) {
  ReleaseUpstream();
  status_ = http::StatusOf(reply.code);
  denied_ = status_ == 403 || status_ == 421 || status_ == 405;
  error_ = http::NameOf(reply.code);
  denial_ = http::NameOf(reply.code);
  if (reply.tells_audit) error_ += ": " + reply.message;
  if (decided_by_.empty()) decided_by_ = reply.rule;
  const bool head_only = request_ != nullptr && request_->method == "HEAD";
  http::ServerStream* stream = std::exchange(stream_, nullptr);
  Finish();
  http::SendLocalReply(stream, reply, head_only);
}

void Exchange::AbortReply(std::string_view why) {
  error_ = why;
  if (reply_body_ == ReplyScrubber::Body::kSearched) {
    scrubber_.Abandon([this](std::string_view piece) { SendReplyData(piece); });
  }
  http::ServerStream* stream = std::exchange(stream_, nullptr);
  Finish();
  stream->Abort();
}

void Exchange::ReleaseUpstream() {
  if (waiting_) {
    context_->pool->Cancel(this);
    waiting_ = false;
  }
  if (upstream_ != nullptr) std::exchange(upstream_, nullptr)->Release();
}

void Exchange::Cancel() {
  stream_ = nullptr;
  owner_ = nullptr;
  if (error_.empty()) error_ = "the connection was closed";
  Finish();
}

void Exchange::Finish() {
  if (channel_->identity != nullptr) channel_->identity->Cancel(this);
  ReleaseUpstream();
  stall_timer_.Stop();
  const uint64_t now = MonotonicNs();
  Measure(now);
  LogAccess();
  if (context_->audit != nullptr) Audit(now);
  rewriter_.Stop();
  WipeString(&gathered_);
  scrubber_.Clear();
  plan_.snapshot = nullptr;
  Owner* owner = std::exchange(owner_, nullptr);
  if (owner != nullptr) owner->OnExchangeDone(this);
  pool_->Give(this);
}

void Exchange::Measure(uint64_t now) {
  const auto to_seconds = [](uint64_t ns) { return static_cast<double>(ns) / 1e9; };
  metrics::WorkerMetrics& metrics = *context_->metrics;
  metrics.request_duration.Observe(to_seconds(now - started_ns_));
  std::string_view first_rule;
  if (leased_ns_ != 0) {
    metrics.upstream_duration.Observe(to_seconds(now - leased_ns_));
    for (const uint16_t index : plan_.applied) {
      const std::string& rule = plan_.snapshot->rules->rules()[index].name;
      if (first_rule.empty()) first_rule = rule;
      ++metrics.ForRule(rule).injections;
    }
    scrubber_.AddTo(plan_, &metrics);
  }
  const auto protocol = static_cast<size_t>(metrics::ParseProtocol(protocol_));
  const auto status_class = static_cast<size_t>(status_ / 100);
  ++metrics.ForRule(first_rule).requests[denied_ ? 1 : 0][protocol][status_class];
  if (denied_) ++metrics.denied[denial_];
}

// What policy.logAllowed and policy.logBlocked ask for.
void Exchange::LogAccess() {
  const rules::RuleSet& rules = *context_->snapshot->rules;
  const std::string& host = plan_.authority.host.name;
  if (denied_ && rules.log_blocked()) {
    log::Info("access", "request refused",
              {{"host", host}, {"reason", denial_}, {"by", decided_by_}});
  } else if (!denied_ && rules.log_allowed()) {
    log::Info("access", "request",
              {{"host", host}, {"port", plan_.authority.port}, {"status", status_}});
  }
}

void Exchange::Audit(uint64_t now) {
  const auto to_ms = [](uint64_t ns) { return static_cast<double>(ns) / 1e6; };
  audit::AuditRecord& record = context_->record;
  record.Clear();
  record.event = denied_ ? audit::AuditEvent::kDenied : audit::AuditEvent::kRequest;
  channel_->Describe(&record);
  record.scheme = plan_.tls ? "https" : "http";
  record.host = plan_.authority.host.name;
  record.port = plan_.authority.port;
  record.path = path_;
  record.method = method_;
  record.protocol = protocol_;
  record.decision = denied_ ? "denied" : plan_.audited_by.empty() ? "allowed" : "audited";
  record.by = decided_by_.empty() ? plan_.decision.by : std::string_view(decided_by_);
  if (leased_ns_ != 0) {
    record.upstream_protocol = upstream_protocol_;
    record.upstream_ms = to_ms(now - leased_ns_);
    for (const uint16_t index : plan_.applied) {
      const rules::CredentialRule& rule = plan_.snapshot->rules->rules()[index];
      if (record.rule.empty()) record.rule = rule.name;
      record.injected.push_back(rule.target_kind == rules::TargetKind::kHeader
                                    ? absl::AsciiStrToLower(rule.target)
                                    : rule.target);
    }
  }
  record.status = status_;
  record.request_bytes = request_bytes_;
  record.response_bytes = response_bytes_;
  record.duration_ms = to_ms(now - started_ns_);
  record.scrubbed = scrubber_.count();
  record.scrub_skipped = reply_body_ == ReplyScrubber::Body::kSkipped;
  record.error = error_;
  context_->audit->Record(record);
}

Exchange* ExchangePool::Take() {
  if (free_.empty()) {
    all_.push_back(std::make_unique<Exchange>(this));
    return all_.back().get();
  }
  Exchange* exchange = free_.back();
  free_.pop_back();
  return exchange;
}

void ExchangePool::Give(Exchange* exchange) { free_.push_back(exchange); }

}  // namespace sallyport::proxy

#include "proxy/exchange/reply_scrubber.h"

#include "proxy/exchange/content_coding.h"

namespace sallyport::proxy {

using http::BodyKind;
using http::Header;

void ReplyScrubber::Begin(const RequestPlan& plan) {
  Clear();
  for (const uint16_t index : plan.carried) {
    const rules::ScrubMode mode = plan.snapshot->rules->rules()[index].scrub;
    const scrub::ScrubSet& set = plan.snapshot->credentials[index]->scrub;
    if (mode == rules::ScrubMode::kOff || set.empty()) continue;
    strict_ |= mode == rules::ScrubMode::kStrict;
    if (used_ == stages_.size()) stages_.push_back(std::make_unique<Stage>());
    Stage& stage = *stages_[used_++];
    stage.rule = index;
    stage.set = &set;
    stage.in_fields = 0;
    stage.body.Begin(&set);
  }
}

void ReplyScrubber::Clear() {
  for (size_t i = 0; i < used_; ++i) stages_[i]->body.Clear();
  used_ = 0;
  strict_ = false;
}

void ReplyScrubber::ScrubHead(http::ResponseHead* head) {
  if (used_ == 0) return;
  for (size_t i = 0; i < used_; ++i) {
    head->reason = stages_[i]->set->Scrub(head->reason, head->arena, &stages_[i]->in_fields);
  }
  ScrubFields(&head->headers, head->arena);
}

void ReplyScrubber::ScrubTrailers(http::HeaderList* trailers, Arena* arena) {
  ScrubFields(trailers, arena);
}

void ReplyScrubber::ScrubFields(http::HeaderList* fields, Arena* arena) {
  for (size_t i = 0; i < used_; ++i) {
    Stage& stage = *stages_[i];
    for (Header& header : *fields) {
      // Digits that frame the body, whatever the credential is.
      if (header.id == http::HeaderId::kContentLength) continue;
      header.name = stage.set->Scrub(header.name, arena, &stage.in_fields);
      header.value = stage.set->Scrub(header.value, arena, &stage.in_fields);
    }
  }
}

ReplyScrubber::Body ReplyScrubber::BeginBody(const http::ResponseHead& head) {
  if (used_ == 0 || head.body.kind == BodyKind::kNone || head.status == 101) return Body::kPassed;
  if (IsEncoded(head.headers)) return strict_ ? Body::kRefused : Body::kSkipped;
  enveloped_ = HasEnvelopes(head.headers);
  envelopes_ = {};
  return Body::kSearched;
}

void ReplyScrubber::Write(std::string_view bytes, Out out) {
  WriteFrom(0, bytes, out);
  if (enveloped_ && envelopes_.EndsWith(bytes)) Flush(&scrub::Scrubber::Release, out);
}

void ReplyScrubber::WriteFrom(size_t stage, std::string_view bytes, Out out) {
  if (stage == used_) {
    out(bytes);
    return;
  }
  stages_[stage]->body.Write(
      bytes, [this, stage, out](std::string_view piece) { WriteFrom(stage + 1, piece, out); });
}

void ReplyScrubber::Finish(Out out) { Flush(&scrub::Scrubber::Finish, out); }

void ReplyScrubber::Abandon(Out out) { Flush(&scrub::Scrubber::Abandon, out); }

void ReplyScrubber::Flush(void (scrub::Scrubber::*give)(Out), Out out) {
  for (size_t i = 0; i < used_; ++i) {
    (stages_[i]->body.*
     give)([this, i, out](std::string_view piece) { WriteFrom(i + 1, piece, out); });
  }
}

uint64_t ReplyScrubber::count() const {
  uint64_t total = 0;
  for (size_t i = 0; i < used_; ++i) total += stages_[i]->count();
  return total;
}

void ReplyScrubber::AddTo(const RequestPlan& plan, metrics::WorkerMetrics* metrics) const {
  for (size_t i = 0; i < used_; ++i) {
    const uint64_t count = stages_[i]->count();
    if (count == 0) continue;
    metrics->ForRule(plan.snapshot->rules->rules()[stages_[i]->rule].name).scrubbed += count;
  }
}

}  // namespace sallyport::proxy

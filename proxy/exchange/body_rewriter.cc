#include "proxy/exchange/body_rewriter.h"

#include <algorithm>
#include <utility>

namespace sallyport::proxy {

using http::BodyKind;

void BodyRewriter::Begin(RequestPlan* plan, const http::RequestHead& request) {
  Stop();
  const BodyPlaceholders& placeholders = plan->snapshot->body_placeholders;
  if (placeholders.empty() || request.body.kind == BodyKind::kNone || !request.upgrade.empty()) {
    return;
  }
  const std::optional<BodyFormat> format = SearchableFormat(request.headers);
  if (!format.has_value()) return;
  format_ = *format;
  plan_ = plan;
  rules::RuleIndexes owners;
  for (const uint16_t index : MatchingRules(*plan, request)) {
    if (!plan->snapshot->rules->rules()[index].body) continue;
    owners.push_back(index);
    const RuleCredential* credential = plan->snapshot->credentials[index].get();
    if (credential != nullptr && credential->available) plan->AddCarried(index);
  }
  const bool waits_for_100 = request.headers.Find(http::HeaderId::kExpect) != nullptr;
  const bool gather = request.body.kind == BodyKind::kLength &&
                      request.body.length <= kMaxGathered && !waits_for_100;
  mode_ = gather ? Mode::kGather : Mode::kStream;
  // Placeholders of other rules are refused, not replaced.
  changes_length_ = !owners.empty();
  access_.emplace(plan, std::move(owners));
  search_.Begin(&placeholders.patterns(format_));
  replaced_ = 0;
}

void BodyRewriter::Stop() {
  mode_ = Mode::kOff;
  changes_length_ = false;
  access_.reset();
  refusal_.reset();
  search_.Clear();
}

bool BodyRewriter::Write(std::string_view bytes, Out out) { return Pass(search_.Add(bytes), out); }

bool BodyRewriter::Finish(Out out) { return Pass(search_.Finish(), out); }

bool BodyRewriter::Pass(const scrub::StreamSearch::Ready& ready, Out out) {
  const auto pass = [&](size_t begin, size_t end) {
    if (begin < end) out(ready.text.substr(begin, end - begin));
  };
  size_t passed = replaced_;
  for (const scrub::Hit& hit : ready.hits) {
    // One that overlaps another, which began before it or is longer.
    if (hit.begin < passed) continue;
    pass(passed, hit.begin);
    const size_t entry = plan_->snapshot->body_placeholders.EntryOf(format_, hit);
    const std::optional<uint16_t> rule = access_->Find(entry);
    if (!rule.has_value()) {
      refusal_ = access_->Refusal(entry);
      search_.Clear();
      return false;
    }
    const SecretString value =
        EncodeFor(format_, plan_->snapshot->credentials[*rule]->raw.Reveal());
    if (!value.empty()) out(value.Reveal());
    passed = hit.end;
  }
  pass(passed, ready.text.size());
  replaced_ = passed - std::min(passed, ready.text.size());
  return true;
}

}  // namespace sallyport::proxy

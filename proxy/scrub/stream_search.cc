#include "proxy/scrub/stream_search.h"

#include <string.h>

#include <algorithm>
#include <utility>

#include "base/secret.h"

namespace sallyport::scrub {
void StreamSearch::Begin(const PatternSet* patterns) {
  Clear();
  patterns_ = patterns;
}

void StreamSearch::Clear() {
  WipeString(&kept_);
  passed_ = released_ = 0;
  hits_.clear();
}

void StreamSearch::DropPassed() {
  if (passed_ == 0) return;
  const size_t left = kept_.size() - passed_;
  std::memmove(kept_.data(), kept_.data() + passed_, left);
  explicit_bzero(kept_.data() + left, passed_);
  kept_.resize(left);
  passed_ = 0;
  // Most pieces begin nothing, and a buffer for a whole one is not worth keeping until one does.
  if (left == 0) std::string().swap(kept_);
}

StreamSearch::Ready StreamSearch::Add(std::string_view bytes) {
  DropPassed();
  hits_.clear();
  if (kept_.empty()) {
    const size_t undecided = patterns_->Search(bytes, &hits_);
    AppendWiping(bytes.substr(undecided), &kept_);
    return Decide(bytes, undecided);
  }
  AppendWiping(bytes, &kept_);
  passed_ = patterns_->Search(kept_, &hits_);
  return Decide(kept_, passed_);
}

StreamSearch::Ready StreamSearch::Release() {
  DropPassed();
  hits_.clear();
  patterns_->Search(kept_, &hits_);
  return {kept_, std::exchange(released_, kept_.size()), {hits_.begin(), hits_.end()}};
}

StreamSearch::Ready StreamSearch::Finish() {
  DropPassed();
  hits_.clear();
  patterns_->Search(kept_, &hits_);
  passed_ = kept_.size();
  return Decide(kept_, passed_);
}

// An occurrence that begins in what is kept back will be found again with it.
StreamSearch::Ready StreamSearch::Decide(std::string_view text, size_t undecided) {
  const auto end = std::find_if(hits_.begin(), hits_.end(),
                                [undecided](const Hit& hit) { return hit.begin >= undecided; });
  const size_t released = std::min(released_, undecided);
  released_ -= released;
  return {text.substr(0, undecided), released, {hits_.begin(), end}};
}

}  // namespace sallyport::scrub

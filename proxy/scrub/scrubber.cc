#include "proxy/scrub/scrubber.h"

#include <algorithm>
#include <cstring>
#include <string>

namespace sallyport::scrub {

void Scrubber::Begin(const ScrubSet* set) {
  set_ = set;
  search_.Begin(&set->patterns());
  position_ = covered_ = count_ = 0;
}

void Scrubber::Clear() {
  search_.Clear();
  set_ = nullptr;
}

void Scrubber::Write(std::string_view bytes, Out out) { Pass(search_.Add(bytes), out); }

void Scrubber::Release(Out out) {
  const uint64_t decided = position_;
  Pass(search_.Release(), out);
  position_ = decided;
}

void Scrubber::Finish(Out out) { Pass(search_.Finish(), out); }

void Scrubber::Abandon(Out out) {
  if (search_.kept() < ScrubSet::kShortestValue) Finish(out);
  search_.Clear();
}

void Scrubber::Pass(const StreamSearch::Ready& ready, Out out) {
  const std::string_view fresh = ready.text.substr(ready.released);
  const uint64_t begin = position_;
  const uint64_t end = begin + ready.text.size();
  position_ = end;
  if (ready.hits.empty() && covered_ <= begin) {
    if (!fresh.empty()) out(fresh);
    return;
  }
  std::string text(ready.text);
  const auto overwrite = [&](uint64_t from, uint64_t to) {
    std::memset(text.data() + (from - begin), set_->filler(), std::min(to, end) - from);
  };
  if (covered_ > begin) overwrite(begin, covered_);
  for (const Hit& hit : ready.hits) {
    if (begin + hit.begin >= covered_) ++count_;
    covered_ = std::max(covered_, begin + hit.end);
    overwrite(begin + hit.begin, begin + hit.end);
  }
  if (!fresh.empty()) out(std::string_view(text).substr(ready.released));
}

}  // namespace sallyport::scrub

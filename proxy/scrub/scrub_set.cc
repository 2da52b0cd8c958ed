#include "proxy/scrub/scrub_set.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "proxy/scrub/encoded_forms.h"

namespace sallyport::scrub {
namespace {

// Each a tchar (RFC 9110 §5.6.2) that URLs keep and JSON needs no escape for.
constexpr std::string_view kFillers =
    "*-_.~!$'xX0123456789abcdefghijklmnopqrstuvwyzABCDEFGHIJKLMNOPQRSTUVWYZ";

void Append(SecretStrings more, SecretStrings* all) {
  for (SecretString& form : more) {
    if (form.size() >= ScrubSet::kShortestValue) all->push_back(std::move(form));
  }
}

void AppendForms(std::string_view value, SecretStrings* all) {
  if (value.size() < ScrubSet::kShortestValue) return;
  all->emplace_back(value);
  Append(JsonForms(value), all);
  Append(UrlForms(value), all);
  Append(HtmlForms(value), all);
  Append(Base64UrlForms(value), all);
  SecretStrings base64 = Base64Forms(value);
  for (const SecretString& form : base64) {
    // '+' and '/', that is.
    Append(UrlForms(form.Reveal()), all);
    Append(JsonForms(form.Reveal()), all);
  }
  Append(std::move(base64), all);
}

char ChooseFiller(const SecretStrings& patterns) {
  for (const char filler : kFillers) {
    const bool used = std::any_of(
        patterns.begin(), patterns.end(),
        [filler](const SecretString& p) { return p.Reveal().find(filler) != p.Reveal().npos; });
    if (!used) return filler;
  }
  return kFillers[0];
}

}  // namespace

ScrubSet::ScrubSet(std::string_view value, std::span<const std::string_view> formatted) {
  SecretStrings all;
  AppendForms(value, &all);
  for (const std::string_view text : formatted) {
    const bool is_covered = value.size() >= kShortestValue && text.find(value) != text.npos;
    if (!is_covered) AppendForms(text, &all);
  }
  patterns_ = PatternSet(all);
  filler_ = ChooseFiller(all);
}

std::string_view ScrubSet::Scrub(std::string_view text, Arena* arena, uint64_t* count) const {
  Hits hits;
  patterns_.SearchWhole(text, &hits);
  if (hits.empty()) return text;
  char* copy = arena->Allocate(text.size());
  std::memcpy(copy, text.data(), text.size());
  size_t covered = 0;
  for (const Hit& hit : hits) {
    if (hit.begin >= covered) ++*count;
    covered = std::max(covered, hit.end);
    std::memset(copy + hit.begin, filler_, hit.end - hit.begin);
  }
  return {copy, text.size()};
}

}  // namespace sallyport::scrub

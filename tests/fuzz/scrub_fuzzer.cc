// A value, what its rule makes of it, how the reply is cut, and the reply. However it is cut, the
// result is the same, has the reply's length and differs from it only by fillers; no pattern can be
// found in it; and what is not overwritten was in no pattern. The same, but for what went out
// early, where each piece is released.

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "proxy/scrub/scrubber.h"
#include "tests/fuzz/fuzz_input.h"

namespace sallyport::fuzz {
namespace {

// Longer ones only make the search for the fuzzer's mistakes slower.
constexpr size_t kMaxValue = 300;

enum class Pieces : uint8_t { kKept, kReleased };

std::string Scrub(const scrub::ScrubSet& set, std::string_view text, Cuts cuts, Pieces pieces,
                  uint64_t* count) {
  const size_t begin_size = text.size();
  std::string result;
  const auto take = [&result](std::string_view bytes) {
    Require(!bytes.empty(), "an empty piece");
    result.append(bytes);
  };
  scrub::Scrubber scrubber;
  scrubber.Begin(&set);
  while (!text.empty()) {
    // Of its own, so that a sanitizer sees what is read beyond it.
    const std::string piece(cuts.TakePiece(&text));
    scrubber.Write(piece, take);
    if (pieces == Pieces::kReleased) {
      scrubber.Release(take);
      Require(result.size() == begin_size - text.size(), "a released piece did not leave");
    }
  }
  scrubber.Finish(take);
  *count = scrubber.count();
  return result;
}

void CheckFillers(const scrub::ScrubSet& set, std::string_view text, std::string_view result) {
  Require(result.size() == text.size(), "another length");
  scrub::Hits hits;
  set.patterns().Search(text, &hits);
  std::string expected(text);
  for (const scrub::Hit& hit : hits) {
    std::fill(expected.begin() + static_cast<std::ptrdiff_t>(hit.begin),
              expected.begin() + static_cast<std::ptrdiff_t>(hit.end), set.filler());
  }
  RequireSame(expected, result, "for the whole text");
}

void CheckNothingIsLeft(const scrub::ScrubSet& set, std::string_view value,
                        std::string_view result) {
  const bool filler_is_free = value.find(set.filler()) == value.npos;
  if (value.size() >= scrub::ScrubSet::kShortestValue && filler_is_free) {
    Require(result.find(value) == result.npos, "the value is left");
  }
}

// What is released before it is known to be of an occurrence stays as it was, and nothing else.
void CheckReleased(std::string_view text, std::string_view whole, std::string_view result) {
  Require(result.size() == text.size(), "another length when it is released");
  for (size_t i = 0; i < text.size(); ++i) {
    Require(result[i] == whole[i] || result[i] == text[i], "another byte when it is released");
  }
}

}  // namespace
}  // namespace sallyport::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sallyport;        // NOLINT(google-build-using-namespace)
  using namespace sallyport::fuzz;  // NOLINT(google-build-using-namespace)
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const std::string_view value = TakeLine(&rest).substr(0, kMaxValue);
  const std::vector<std::string_view> formatted = {TakeLine(&rest).substr(0, kMaxValue)};
  const std::string_view cuts = TakeLine(&rest);
  const scrub::ScrubSet set(value, formatted);

  uint64_t count = 0;
  const std::string whole = Scrub(set, rest, Cuts::Whole(), Pieces::kKept, &count);
  CheckFillers(set, rest, whole);
  CheckNothingIsLeft(set, value, whole);
  for (const Cuts& other : {Cuts::SingleBytes(), Cuts::FromLetters(cuts)}) {
    uint64_t other_count = 0;
    RequireSame(whole, Scrub(set, rest, other, Pieces::kKept, &other_count), "when it is cut");
    Require(count == other_count, "another count when it is cut");
    const std::string released = Scrub(set, rest, other, Pieces::kReleased, &other_count);
    CheckReleased(rest, whole, released);
    CheckNothingIsLeft(set, value, released);
  }
  Arena arena;
  uint64_t text_count = 0;
  RequireSame(whole, set.Scrub(rest, &arena, &text_count), "as a header's value");
  Require(count == text_count, "another count as a header's value");
  return 0;
}

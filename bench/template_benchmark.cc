// What it costs to make what a rule writes, to match its filters, and to look for placeholders.

#include <string>

#include <benchmark/benchmark.h>

#include "bench/allocation_counter.h"
#include "rules/credential_rule.h"
#include "rules/placeholder.h"
#include "rules/template.h"

namespace sallyport::rules {
namespace {

void Render(benchmark::State& state, std::string_view text) {
  const Template parsed = *Template::Parse(text, {"value"});
  const std::string value(108, 'k');  // As long as an API key gets.
  const bench::AllocationCounter counter(state);
  for (auto _ : state) {
    SecretString rendered = parsed.Render(value);
    benchmark::DoNotOptimize(rendered);
  }
}
BENCHMARK_CAPTURE(Render, bearer, "Bearer ${value}");
BENCHMARK_CAPTURE(Render, basic, "Basic ${'x-access-token:' value | base64}");
BENCHMARK_CAPTURE(Render, urlencode, "${value | urlencode}");

void BM_NormalizePath(benchmark::State& state) {
  const bench::AllocationCounter counter(state);
  for (auto _ : state) {
    auto path = NormalizePath("/v1/organizations/12345/messages/batches");
    benchmark::DoNotOptimize(path);
  }
}
BENCHMARK(BM_NormalizePath);

void BM_GlobMatches(benchmark::State& state) {
  const bench::AllocationCounter counter(state);
  for (auto _ : state) {
    bool matches = GlobMatches("/v1/*/12345/**", "/v1/organizations/12345/messages/batches");
    benchmark::DoNotOptimize(matches);
  }
}
BENCHMARK(BM_GlobMatches);

// A header value of 1 KiB without a placeholder, searched for state.range(0) of them.
void BM_FindPlaceholder(benchmark::State& state) {
  std::vector<PlaceholderIndex::Entry> entries;
  entries.reserve(state.range(0));
  for (int i = 0; i < state.range(0); ++i) {
    entries.push_back({.placeholder = MakePlaceholder(), .rules = {static_cast<uint16_t>(i)}});
  }
  const PlaceholderIndex index(std::move(entries));
  std::string text;
  while (text.size() < 1024) text += "session=abc123; theme=sallyport-dark; ";
  {
    const bench::AllocationCounter counter(state);
    for (auto _ : state) benchmark::DoNotOptimize(index.Find(text));
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * text.size()));
}
BENCHMARK(BM_FindPlaceholder)->ArgName("placeholders")->Arg(1)->Arg(10)->Arg(1000);

}  // namespace
}  // namespace sallyport::rules

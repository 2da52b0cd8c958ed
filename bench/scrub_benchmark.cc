#include <benchmark/benchmark.h>

#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "bench/allocation_counter.h"
#include "proxy/scrub/scrubber.h"

// A reply's body through the scrubber, in pieces of a TLS record each, and what making a set costs.
namespace sallyport::scrub {
namespace {

constexpr size_t kBody = size_t{64} * 1024;
constexpr size_t kRecord = size_t{16} * 1024;

// Of `size` bytes, as random as a key is and the same each time.
std::string MakeSecret(size_t size) {
  static constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string secret = "sk-";
  uint64_t state = 42;
  while (secret.size() < size) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    secret.push_back(kLetters[state >> 58]);
  }
  secret.resize(size);
  return secret;
}

std::string MakeBody() {
  std::string body;
  for (int i = 0; body.size() < kBody; ++i) {
    body += "{\"id\":\"chatcmpl-" + std::to_string(i * 7919) +
            "\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":"
            "{\"content\":\" token sk- Bearer\"}}]}\n";
  }
  body.resize(kBody);
  return body;
}

ScrubSet MakeSet(size_t secret_size) {
  const std::string secret = MakeSecret(secret_size);
  const std::string bearer = "Bearer " + secret;
  const std::vector<std::string_view> formatted = {bearer};
  return {secret, formatted};
}

// The argument: bytes of the secret.
void BM_ScrubWithoutAnOccurrence(benchmark::State& state) {
  const ScrubSet set = MakeSet(static_cast<size_t>(state.range(0)));
  const std::string body = MakeBody();
  Scrubber scrubber;
  size_t passed = 0;
  const auto take = [&passed](std::string_view bytes) {
    benchmark::DoNotOptimize(bytes.data());
    passed += bytes.size();
  };
  const bench::AllocationCounter allocations(state);
  for (auto _ : state) {
    scrubber.Begin(&set);
    for (size_t at = 0; at < kBody; at += kRecord) {
      scrubber.Write(std::string_view(body).substr(at, kRecord), take);
    }
    scrubber.Finish(take);
  }
  if (passed != kBody * static_cast<size_t>(state.iterations())) std::abort();
  state.SetBytesProcessed(static_cast<int64_t>(passed));
}
BENCHMARK(BM_ScrubWithoutAnOccurrence)->Arg(5)->Arg(16)->Arg(40)->Arg(108)->Arg(2000);

void BM_ScrubAnEvent(benchmark::State& state) {
  const ScrubSet set = MakeSet(40);
  const std::string event = MakeBody().substr(0, 120) + "\n\n";
  Scrubber scrubber;
  scrubber.Begin(&set);
  const auto take = [](std::string_view bytes) { benchmark::DoNotOptimize(bytes.data()); };
  const bench::AllocationCounter allocations(state);
  for (auto _ : state) scrubber.Write(event, take);
}
BENCHMARK(BM_ScrubAnEvent);

// One in each record.
void BM_ScrubOccurrences(benchmark::State& state) {
  const ScrubSet set = MakeSet(40);
  std::string body = MakeBody();
  for (size_t at = 100; at < kBody; at += kRecord) body.replace(at, 40, MakeSecret(40));
  Scrubber scrubber;
  const auto take = [](std::string_view bytes) { benchmark::DoNotOptimize(bytes.data()); };
  for (auto _ : state) {
    scrubber.Begin(&set);
    for (size_t at = 0; at < kBody; at += kRecord) {
      scrubber.Write(std::string_view(body).substr(at, kRecord), take);
    }
    scrubber.Finish(take);
    if (scrubber.count() != kBody / kRecord) std::abort();
  }
  state.SetBytesProcessed(static_cast<int64_t>(kBody) * state.iterations());
}
BENCHMARK(BM_ScrubOccurrences);

void BM_MakeSet(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(MakeSet(static_cast<size_t>(state.range(0))));
}
BENCHMARK(BM_MakeSet)->Arg(40)->Arg(2000);

}  // namespace
}  // namespace sallyport::scrub

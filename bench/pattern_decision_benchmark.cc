// What one request's decision costs: parsing its authority, weighing the lists, judging an address
// and finding its rules, with 10 patterns and 10 rules and with 10,000 and 1,000.

#include <cstdlib>
#include <iostream>

#include <benchmark/benchmark.h>
#include <fmt/core.h>

#include "bench/allocation_counter.h"
#include "rules/proxy_config.h"

namespace sallyport::rules {
namespace {

// Half exact, a quarter suffixes, the rest in-label globs, addresses and ranges: the mix that
// gathers in a big allow list.
std::string PatternAt(int i) {
  switch (i % 8) {
    case 0:
    case 1:
      return fmt::format("host-{}.example.com", i);
    case 2:
    case 3:
      return fmt::format("api.customer-{}.example.net:443", i);
    case 4:
    case 5:
      return fmt::format("*.zone-{}.example.org", i);
    case 6:
      return fmt::format("node-*.cluster-{}.example.net", i);
    default:
      return i % 16 == 7 ? fmt::format("10.{}.{}.7:8080", i / 256 % 256, i % 256)
                         : fmt::format("10.{}.{}.0/24", i / 256 % 256, i % 256);
  }
}

std::string Config(int patterns, int rules) {
  std::string allowed;
  for (int i = 0; i < patterns; ++i) {
    allowed += fmt::format("{}\"{}\"", i == 0 ? "" : ",", PatternAt(i));
  }
  std::string credentials;
  for (int i = 0; i < rules; ++i) {
    credentials +=
        fmt::format("{}{{\"domain\":\"{}\",\"envVar\":\"KEY_{}\",\"header\":\"authorization\"}}",
                    i == 0 ? "" : ",", PatternAt(i), i);
  }
  return fmt::format(
      "{{\"policy\":{{\"default\":\"deny\"}},\"network\":{{\"allowedDomains\":[{}],"
      "\"blockedDomains\":[\"metadata.google.internal\",\"*.blocked.example.com\"]}},"
      "\"credentials\":[{}]}}",
      allowed, credentials);
}

std::shared_ptr<const RuleSet> RulesFor(const benchmark::State& state) {
  ParsedProxyConfig parsed =
      ParseProxyConfig(Config(static_cast<int>(state.range(0)), static_cast<int>(state.range(1))));
  for (const Problem& problem : parsed.errors) std::cerr << problem.message << '\n';
  if (parsed.rules == nullptr) std::abort();
  return parsed.rules;
}

// Hosts that end in each kind of table, the first rules' among them.
const std::vector<Authority>& Authorities() {
  static const auto& authorities = *new std::vector<Authority>{
      *ParseAuthority("host-0.example.com:443", 443),
      *ParseAuthority("api.customer-2.example.net:443", 443),
      *ParseAuthority("a.b.zone-4.example.org:443", 443),
      *ParseAuthority("node-17.cluster-6.example.net:443", 443),
      *ParseAuthority("10.0.7.7:8080", 443),
      *ParseAuthority("nobody.knows.this.example:443", 443),
  };
  return authorities;
}

void Sizes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"patterns", "rules"})->Args({10, 10})->Args({10000, 1000});
}

// All that a request asks of the rules, over all kinds of hosts; the time is of one request.
void BM_DecideRequest(benchmark::State& state) {
  const std::shared_ptr<const RuleSet> rules = RulesFor(state);
  const IpAddress address = *IpAddress::Parse("93.184.216.34");
  RuleIndexes indexes;
  size_t next = 0;
  const bench::AllocationCounter counter(state);
  for (auto _ : state) {
    const Authority& authority = Authorities()[next++ % Authorities().size()];
    const HostDecision host = rules->DecideHost(authority);
    rules->FindRules(authority, &indexes);
    AddressDecision decision = rules->JudgeAddress(address, host);
    benchmark::DoNotOptimize(decision);
    benchmark::DoNotOptimize(indexes.data());
  }
}
BENCHMARK(BM_DecideRequest)->Apply(Sizes);

// One kind of host at a time, by its index in Authorities().
void BM_DecideHost(benchmark::State& state) {
  const std::shared_ptr<const RuleSet> rules = RulesFor(state);
  const Authority& authority = Authorities()[static_cast<size_t>(state.range(2))];
  state.SetLabel(authority.ToString());
  const bench::AllocationCounter counter(state);
  for (auto _ : state) {
    HostDecision decision = rules->DecideHost(authority);
    benchmark::DoNotOptimize(decision);
  }
}
BENCHMARK(BM_DecideHost)
    ->ArgNames({"patterns", "rules", "host"})
    ->ArgsProduct({{10000}, {1000}, {0, 1, 2, 3, 4, 5}});

void BM_ParseAuthority(benchmark::State& state) {
  const bench::AllocationCounter counter(state);
  for (auto _ : state) {
    auto authority = ParseAuthority("api.example.com:443", std::nullopt);
    benchmark::DoNotOptimize(authority);
  }
}
BENCHMARK(BM_ParseAuthority);

void BM_ParseInternationalAuthority(benchmark::State& state) {
  const bench::AllocationCounter counter(state);
  for (auto _ : state) {
    auto authority = ParseAuthority("bücher.example.com:443", std::nullopt);
    benchmark::DoNotOptimize(authority);
  }
}
BENCHMARK(BM_ParseInternationalAuthority);

void BM_LoadConfig(benchmark::State& state) {
  const std::string config =
      Config(static_cast<int>(state.range(0)), static_cast<int>(state.range(1)));
  for (auto _ : state) benchmark::DoNotOptimize(ParseProxyConfig(config));
}
BENCHMARK(BM_LoadConfig)->Apply(Sizes)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace sallyport::rules

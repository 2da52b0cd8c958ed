// What a policy costs a request: finding the endpoints of its host, judging method, path and query,
// and judging an address, with 10 endpoints and with 10,000.

#include <benchmark/benchmark.h>
#include <fmt/core.h>

#include <cstdlib>
#include <iostream>

#include "bench/allocation_counter.h"
#include "rules/policy.h"

namespace sallyport::rules {
namespace {

// Half hosts alone, a quarter presets, a quarter rules.
std::string EndpointAt(int i) {
  switch (i % 4) {
    case 0:
      return fmt::format("{{host: host-{}.example.com, port: 443}}", i);
    case 1:
      return fmt::format("{{host: '*.zone-{}.example.org', ports: [443, 8443]}}", i);
    case 2:
      return fmt::format(
          "{{host: api.customer-{}.example.net, port: 443, protocol: rest, access: read-write}}",
          i);
    default:
      return fmt::format(
          "{{host: git.customer-{}.example.net, port: 443, protocol: rest, rules: [{{allow: "
          "{{method: GET, path: '/**/info/refs', query: {{service: git-upload-pack}}}}}}, {{allow: "
          "{{method: POST, path: '/**/git-upload-pack'}}}}], deny_rules: [{{method: '*', path: "
          "'/private/**'}}]}}",
          i);
  }
}

std::shared_ptr<const Policy> PolicyOf(int64_t endpoints) {
  std::string text = "version: 1\nnetwork_policies:\n";
  for (int i = 0; i < endpoints; ++i) {
    text += fmt::format("  e{}: {{endpoints: [{}]}}\n", i, EndpointAt(i));
  }
  ParsedPolicy parsed = ParsePolicy(text);
  for (const Problem& problem : parsed.errors) std::cerr << problem.message << '\n';
  if (parsed.policy == nullptr) std::abort();
  return parsed.policy;
}

struct Request {
  Authority authority;
  std::string_view method;
  std::string_view path;
  std::string_view query;
};

const std::vector<Request>& Requests() {
  static const auto& requests = *new std::vector<Request>{
      {*ParseAuthority("host-0.example.com:443", 443), "GET", "/", ""},
      {*ParseAuthority("a.zone-1.example.org:8443", 443), "GET", "/", ""},
      {*ParseAuthority("api.customer-2.example.net:443", 443), "POST", "/v1/messages", "beta=true"},
      {*ParseAuthority("git.customer-3.example.net:443", 443), "GET",
       "/group/project.git/info/refs", "service=git-upload-pack"},
      {*ParseAuthority("git.customer-3.example.net:443", 443), "POST",
       "/group/project.git/git-receive-pack", ""},
      {*ParseAuthority("nobody.knows.this.example:443", 443), "GET", "/", ""},
  };
  return requests;
}

// All that a request on a new connection asks of the policy; the time is of one request.
void BM_JudgeRequest(benchmark::State& state) {
  const std::shared_ptr<const Policy> policy = PolicyOf(state.range(0));
  const NetworkPolicy& network = policy->network;
  const IpAddress address = *IpAddress::Parse("93.184.216.34");
  size_t next = 0;
  const bench::AllocationCounter counter(state);
  for (auto _ : state) {
    const Request& request = Requests()[next++ % Requests().size()];
    const NetworkDecision host = network.Decide(request.authority);
    const RequestDecision decision =
        network.DecideRequest(host, request.method, request.path, request.query);
    AddressDecision judged =
        network.JudgeAddress(address, decision.endpoints, {.allowed = true, .by = "default"});
    benchmark::DoNotOptimize(judged);
  }
}
BENCHMARK(BM_JudgeRequest)->ArgName("endpoints")->Arg(10)->Arg(10000);

// Reading the file, which a reload does on the control thread.
void BM_ParsePolicy(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(PolicyOf(state.range(0)));
}
BENCHMARK(BM_ParsePolicy)->ArgName("endpoints")->Arg(10)->Arg(10000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace sallyport::rules

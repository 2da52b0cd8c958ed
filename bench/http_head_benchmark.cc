#include <benchmark/benchmark.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "bench/allocation_counter.h"
#include "proxy/exchange/inject.h"
#include "proxy/http/h1_head_parser.h"
#include "proxy/http/h1_head_writer.h"
#include "rules/proxy_config.h"

// A request's head from its bytes to the bytes that go upstream: found, parsed, decided on, the
// credential written, put together again. What the proxy itself does for a warm request, without
// TLS and sockets.
namespace sallyport::proxy {
namespace {

constexpr std::string_view kHead =
    "POST /v1/messages?beta=true HTTP/1.1\r\n"
    "Host: api.example.com\r\n"
    "Accept: application/json\r\n"
    "Accept-Encoding: gzip, deflate\r\n"
    "Connection: keep-alive\r\n"
    "User-Agent: Example/Python 1.2.3\r\n"
    "Content-Type: application/json\r\n"
    "X-Request-Id: 7d6f3d3e-3a44-4b36-9f0c-7f5f0e0a2f11\r\n"
    "Authorization: Bearer sallyport-0123456789abcdef0123456789abcdef\r\n"
    "Content-Length: 1024\r\n\r\n";

std::shared_ptr<const Snapshot> MakeSnapshot() {
  const rules::ParsedProxyConfig parsed =
      rules::ParseProxyConfig(R"({"credentials":[{"domain":"api.example.com","envVar":"KEY",)"
                              R"("header":"Authorization","format":"Bearer ${value}"}]})");
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->rules = parsed.rules;
  auto credential = std::make_shared<RuleCredential>();
  credential->raw = SecretString("a-secret-of-forty-characters-or-so-12345");
  credential->written = parsed.rules->rules()[0].format.Render(credential->raw.Reveal());
  snapshot->credentials.push_back(std::move(credential));
  std::vector<rules::PlaceholderIndex::Entry> placeholders;
  placeholders.push_back({"sallyport-0123456789abcdef0123456789abcdef", {0}});
  snapshot->placeholders = rules::PlaceholderIndex(std::move(placeholders));
  return snapshot;
}

void BM_RequestHead(benchmark::State& state) {
  http::BufferPool pool;
  const http::Limits limits;
  const std::shared_ptr<const Snapshot> snapshot = MakeSnapshot();
  Channel channel;
  channel.authority = *rules::ParseAuthority("api.example.com:443", std::nullopt);
  channel.tls = true;
  http::RequestHead request;
  RequestPlan plan;
  std::string out;
  const auto serve = [&] {
    const http::MessageBuffersPtr buffers = pool.Take();
    http::HeadCollector collector;
    http::HeadError error;
    bool keep_alive = false;
    std::string_view input = kHead;
    request.Clear();
    const bool parsed = collector.Collect(&input, &buffers->head, limits) ==
                            http::HeadCollector::Result::kComplete &&
                        ParseRequestHead(buffers.get(), limits, &request, &keep_alive, &error);
    if (!parsed || DecideRequest(request, &channel, snapshot, &plan).has_value() ||
        PrepareRequest(&plan, &request).has_value()) {
      std::abort();
    }
    out.clear();
    WriteRequestHead(request, &out);
    benchmark::DoNotOptimize(out.data());
  };
  serve();  // warms the pools
  const bench::AllocationCounter allocations(state);
  for (auto _ : state) serve();
}
BENCHMARK(BM_RequestHead);

}  // namespace
}  // namespace sallyport::proxy

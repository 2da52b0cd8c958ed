// What a certificate costs: minting one, finding it in the cache, putting it on a connection. The
// allocations counted are ours; the TLS library's own are not.

#include <benchmark/benchmark.h>

#include <cstdlib>
#include <string>

#include <fmt/core.h>

#include "bench/allocation_counter.h"
#include "ca/certificate_authority.h"
#include "ca/leaf_cache.h"
#include "ca/openssl.h"
#include "ca/tls_compat.h"

namespace sallyport::ca {
namespace {

const CertificateAuthority& Authority() {
  static const CertificateAuthority& authority =
      *CertificateAuthority::Create("benchmark")->release();
  return authority;
}

void BM_CreateAuthority(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(CertificateAuthority::Create("benchmark"));
}
BENCHMARK(BM_CreateAuthority)->Unit(benchmark::kMicrosecond);

void BM_MintLeaf(benchmark::State& state) {
  const bench::AllocationCounter counter(state);
  for (auto _ : state) {
    benchmark::DoNotOptimize(Authority().Mint("api.example.com", std::nullopt));
  }
}
BENCHMARK(BM_MintLeaf)->Unit(benchmark::kMicrosecond);

// Every host new, as for a client that visits one after another.
void BM_LeafCacheMiss(benchmark::State& state) {
  LeafCache cache(&Authority());
  uint64_t next = 0;
  const bench::AllocationCounter counter(state);
  for (auto _ : state) {
    benchmark::DoNotOptimize(cache.Get(fmt::format("h{}.example.com", next++), std::nullopt));
  }
}
BENCHMARK(BM_LeafCacheMiss)->Unit(benchmark::kMicrosecond);

void BM_LeafCacheHit(benchmark::State& state) {
  static LeafCache& cache = *new LeafCache(&Authority());
  for (int i = 0; i < 1000; ++i) {
    if (!cache.Get(fmt::format("h{}.example.com", i), std::nullopt).ok()) std::abort();
  }
  const bench::AllocationCounter counter(state);
  for (auto _ : state) benchmark::DoNotOptimize(cache.Get("h500.example.com", std::nullopt));
}
BENCHMARK(BM_LeafCacheHit)->Threads(1)->Threads(4)->UseRealTime();

void BM_UseLeaf(benchmark::State& state) {
  const SslCtxPtr context(SSL_CTX_new(TLS_method()));
  const auto leaf = Authority().Mint("api.example.com", std::nullopt);
  if (!context || !leaf.ok() || !ConfigureProtocol(context.get()).ok()) std::abort();
  const SslPtr ssl(SSL_new(context.get()));
  const bench::AllocationCounter counter(state);
  for (auto _ : state) {
    benchmark::DoNotOptimize(UseLeaf(ssl.get(), leaf->certificate.get(), Authority().leaf_key()));
  }
}
BENCHMARK(BM_UseLeaf);

}  // namespace
}  // namespace sallyport::ca

#include <benchmark/benchmark.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <string>

#include "bench/allocation_counter.h"
#include "ca/leaf_cache.h"
#include "ca/ticket_keys.h"
#include "proxy/tls/client_context.h"
#include "proxy/tls/server_context.h"
#include "proxy/tls/tls_session.h"

// TLS between our own two sides, in memory: what handshakes and records cost without sockets.
// "allocs/op" counts operator new, so ours and not the TLS library's.
namespace sallyport::tls {
namespace {

// One side's output, until the other takes it.
struct Pipe final : TlsSession::Sink {
  void OnCiphertext(std::string_view bytes) override { waiting.append(bytes); }
  std::string waiting;
};

class Peers {
 public:
  Peers() {
    ca::X509StorePtr trust(X509_STORE_new());
    X509_STORE_add_cert(trust.get(), authority_->certificate());
    server_ = *ServerContext::Create(authority_.get(), &leaves_, &tickets_);
    client_ = *ClientContext::Create(trust.get());
  }

  struct Pair {
    Pipe to_server;
    Pipe to_client;
    std::unique_ptr<TlsSession> client;
    std::unique_ptr<TlsSession> server;
  };

  std::unique_ptr<Pair> Connect(SessionSlot* slot) {
    auto pair = std::make_unique<Pair>();
    pair->client = std::make_unique<TlsSession>(
        client_->NewSession(host_, slot, ClientContext::Offer::kHttp2AndHttp1), &pair->to_server);
    pair->server = std::make_unique<TlsSession>(server_->NewSession(&host_), &pair->to_client);
    TlsSession::Status client = TlsSession::Status::kWantInput;
    TlsSession::Status server = TlsSession::Status::kWantInput;
    while (client != TlsSession::Status::kOk || server != TlsSession::Status::kOk) {
      client = Step(pair->client.get(), &pair->to_client);
      server = Step(pair->server.get(), &pair->to_server);
    }
    // The ticket that follows the handshake.
    Take(pair->client.get(), &pair->to_client);
    return pair;
  }

  static size_t Take(TlsSession* session, Pipe* from) {
    static std::array<char, 65536> buffer;
    const std::string input = std::exchange(from->waiting, {});
    session->SetInput(input);
    const size_t size = session->Read(buffer).size;
    session->SetInput({});
    return size;
  }

 private:
  static TlsSession::Status Step(TlsSession* session, Pipe* from) {
    const std::string input = std::exchange(from->waiting, {});
    session->SetInput(input);
    const TlsSession::Status status = session->Handshake();
    if (status == TlsSession::Status::kError) std::abort();
    session->SetInput({});
    return status;
  }

  const rules::Host host_ = {"api.example.com", std::nullopt};
  const std::unique_ptr<ca::CertificateAuthority> authority_ =
      *ca::CertificateAuthority::Create("benchmark");
  ca::LeafCache leaves_{authority_.get()};
  ca::TicketKeys tickets_;
  std::unique_ptr<ServerContext> server_;
  std::unique_ptr<ClientContext> client_;
};

void BM_FullHandshakeBothSides(benchmark::State& state) {
  Peers peers;
  const bench::AllocationCounter allocations(state);
  for (auto _ : state) {
    SessionSlot slot;
    benchmark::DoNotOptimize(peers.Connect(&slot));
  }
}
BENCHMARK(BM_FullHandshakeBothSides);

void BM_ResumedHandshakeBothSides(benchmark::State& state) {
  Peers peers;
  SessionSlot slot;
  peers.Connect(&slot);
  const bench::AllocationCounter allocations(state);
  for (auto _ : state) {
    const auto pair = peers.Connect(&slot);
    if (SSL_session_reused(pair->client->ssl()) != 1) state.SkipWithError("not resumed");
  }
}
BENCHMARK(BM_ResumedHandshakeBothSides);

void BM_RecordThere(benchmark::State& state) {
  Peers peers;
  SessionSlot slot;
  const auto pair = peers.Connect(&slot);
  const std::string plaintext(static_cast<size_t>(state.range(0)), 'x');
  const bench::AllocationCounter allocations(state);
  for (auto _ : state) {
    if (!pair->client->Write(plaintext) ||
        Peers::Take(pair->server.get(), &pair->to_server) != plaintext.size()) {
      state.SkipWithError("a record was lost");
    }
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_RecordThere)->Arg(256)->Arg(1024)->Arg(16384);

}  // namespace
}  // namespace sallyport::tls

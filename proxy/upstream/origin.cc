#include "proxy/upstream/origin.h"

#include <algorithm>
#include <utility>

#include "proxy/http/h1_client.h"
#include "proxy/http/h2_client.h"

namespace sallyport::upstream {
namespace {

// What both kinds of connection remember of how they came to be.
class Provenance {
 public:
  explicit Provenance(Origin::Dialled* dialled)
      : address_(dialled->address),
        judged_by_(std::move(dialled->judged_by)),
        forwarding_proxy_(dialled->forwarding_proxy) {}

  // Whether the rules in force now still let this address be used.
  bool StillAllowed(const AddressGate& gate, bool is_judged) {
    if (!is_judged || judged_by_.JudgesAs(gate)) return true;
    if (!gate.Judge(address_).allowed) return false;
    judged_by_ = gate;
    return true;
  }
  const UpstreamProxy* forwarding_proxy() const { return forwarding_proxy_; }

 private:
  IpAddress address_;
  AddressGate judged_by_;
  const UpstreamProxy* forwarding_proxy_;
};

}  // namespace

// An HTTP/1.1 connection: idle in one of its origin's lists, or lent out.
class Origin::Exclusive final : public http::H1Client::Owner {
 public:
  Exclusive(Origin* origin, Dialled dialled)
      : origin_(origin),
        provenance_(&dialled),
        client_(new http::H1Client(origin->codec_, std::move(dialled.transport), this)) {}

  void OnReleased(http::H1Client*, bool reusable) override {
    if (!reusable) {
      std::erase(origin_->idle_, this);
      std::erase(origin_->idle_bound_, this);
      origin_->Remove(this);
      return;
    }
    idle_since_ms = origin_->codec_->loop->now_ms();
    (bound_to == nullptr ? origin_->idle_ : origin_->idle_bound_).push_back(this);
    origin_->owner_->OnRoom(origin_);
  }

  Lease Lend(bool reused) { return {client_.get(), reused, provenance_.forwarding_proxy()}; }
  bool Is(const http::ClientStream* stream) const { return client_.get() == stream; }
  Provenance& provenance() { return provenance_; }

  size_t index = 0;  // in exclusive_
  uint64_t idle_since_ms = 0;
  // Set: the one client that it serves from now on.
  const void* bound_to = nullptr;

 private:
  Origin* origin_;
  Provenance provenance_;
  net::RetirePtr<http::H1Client> client_;
};

// An HTTP/2 connection.
class Origin::Shared final : public http::H2Client::Owner {
 public:
  Shared(Origin* origin, Dialled dialled)
      : origin_(origin),
        provenance_(&dialled),
        client_(new http::H2Client(
            origin->codec_, std::move(dialled.transport),
            dialled.tls ? http::H2Client::Scheme::kHttps : http::H2Client::Scheme::kHttp, this)) {}

  void OnCapacityChanged(http::H2Client*) override { origin_->owner_->OnRoom(origin_); }
  void OnIdle(http::H2Client*) override { idle_since_ms_ = origin_->codec_->loop->now_ms(); }
  void OnDead(http::H2Client*) override { origin_->Remove(this); }

  bool Fits(const Demand& demand) const {
    return client_->capacity() > 0 && (!demand.websocket || client_->accepts_websocket());
  }
  Lease Lend() {
    const bool reused = client_->requests() > 0;
    return {client_->OpenStream(), reused, provenance_.forwarding_proxy()};
  }
  Provenance& provenance() { return provenance_; }
  http::H2Client* client() const { return client_.get(); }
  bool IsIdleSince(uint64_t ms) const { return client_->idle() && idle_since_ms_ <= ms; }

 private:
  Origin* origin_;
  Provenance provenance_;
  uint64_t idle_since_ms_ = 0;
  net::RetirePtr<http::H2Client> client_;
};

Origin::Origin(http::CodecContext* codec, bool is_judged, Owner* owner)
    : codec_(codec), is_judged_(is_judged), owner_(owner) {}

Origin::~Origin() = default;

Lease Origin::Take(const Demand& demand) {
  if (!demand.http1_only) {
    const Lease lease = TakeShared(demand);
    if (lease.stream != nullptr) return lease;
  }
  if (demand.reuse == Reuse::kForbidden) return {};
  const Lease bound = TakeExclusive(demand, &idle_bound_);
  return bound.stream != nullptr ? bound : TakeExclusive(demand, &idle_);
}

Lease Origin::TakeShared(const Demand& demand) {
  for (const auto& connection : shared_) {
    if (!connection->Fits(demand)) continue;
    if (connection->provenance().StillAllowed(demand.gate, is_judged_)) return connection->Lend();
    // It takes no more, and ends with its last stream.
    connection->client()->Drain();
  }
  return {};
}

Lease Origin::TakeExclusive(const Demand& demand, std::vector<Exclusive*>* idle) {
  for (size_t i = idle->size(); i > 0; --i) {
    Exclusive* connection = (*idle)[i - 1];
    if (connection->bound_to != nullptr && connection->bound_to != demand.client) continue;
    idle->erase(idle->begin() + static_cast<ptrdiff_t>(i - 1));
    if (connection->provenance().StillAllowed(demand.gate, is_judged_)) {
      return connection->Lend(true);
    }
    Remove(connection);
  }
  return {};
}

Lease Origin::Add(Dialled dialled) {
  if (dialled.http2) {
    shared_.push_back(std::make_unique<Shared>(this, std::move(dialled)));
    return shared_.back()->Lend();
  }
  exclusive_.push_back(std::make_unique<Exclusive>(this, std::move(dialled)));
  exclusive_.back()->index = exclusive_.size() - 1;
  return exclusive_.back()->Lend(false);
}

bool Origin::Bind(const http::ClientStream* stream, const void* client) {
  const auto found =
      std::find_if(exclusive_.begin(), exclusive_.end(),
                   [stream](const auto& connection) { return connection->Is(stream); });
  if (found == exclusive_.end()) return false;
  (*found)->bound_to = client;
  return true;
}

void Origin::Unbind(const void* client) {
  const std::vector<Exclusive*> bound = idle_bound_;
  for (Exclusive* connection : bound) {
    if (connection->bound_to != client) continue;
    std::erase(idle_bound_, connection);
    Remove(connection);
  }
}

void Origin::Remove(Exclusive* connection) {
  const size_t index = connection->index;
  std::swap(exclusive_[index], exclusive_.back());
  exclusive_[index]->index = index;
  exclusive_.pop_back();
  owner_->OnRoom(this);
}

void Origin::Remove(Shared* connection) {
  std::erase_if(shared_, [connection](const auto& kept) { return kept.get() == connection; });
  owner_->OnRoom(this);
}

void Origin::CloseIdle() {
  for (Exclusive* connection : std::exchange(idle_, {})) Remove(connection);
  for (Exclusive* connection : std::exchange(idle_bound_, {})) Remove(connection);
  for (const auto& connection : shared_) {
    if (connection->client()->idle()) connection->client()->Drain();
  }
}

void Origin::CloseOld(std::chrono::milliseconds limit) {
  const uint64_t now = codec_->loop->now_ms();
  const auto limit_ms = static_cast<uint64_t>(limit.count());
  if (now < limit_ms) return;
  CloseOld(&idle_, now - limit_ms);
  CloseOld(&idle_bound_, now - limit_ms);
  for (const auto& connection : shared_) {
    if (connection->IsIdleSince(now - limit_ms)) connection->client()->Drain();
  }
}

void Origin::CloseOld(std::vector<Exclusive*>* idle, uint64_t before_ms) {
  // The oldest are at the front.
  const auto young = std::find_if(idle->begin(), idle->end(), [before_ms](Exclusive* connection) {
    return connection->idle_since_ms > before_ms;
  });
  const std::vector<Exclusive*> old(idle->begin(), young);
  idle->erase(idle->begin(), young);
  for (Exclusive* connection : old) Remove(connection);
}

void Origin::AddTo(metrics::PoolCounts* counts) const {
  const auto idle_shared =
      std::count_if(shared_.begin(), shared_.end(),
                    [](const auto& connection) { return connection->client()->idle(); });
  const size_t idle = idle_.size() + idle_bound_.size() + static_cast<size_t>(idle_shared);
  counts->idle += idle;
  counts->active += connections() - idle;
  counts->http1 += exclusive_.size();
  counts->http2 += shared_.size();
}

}  // namespace sallyport::upstream

#include "proxy/upstream/pool.h"

#include <algorithm>
#include <utility>

#include "absl/hash/hash.h"
#include "absl/strings/string_view.h"

namespace sallyport::upstream {
namespace {

constexpr std::chrono::milliseconds kSweepInterval(10'000);
// Origins without a connection are forgotten, sessions and all, beyond this many.
constexpr size_t kMaxOrigins = 1024;

}  // namespace

// One connection, idle in one of its origin's lists or lent out.
class Pool::Connection final : public http::H1Client::Owner {
 public:
  Connection(Pool* pool, Origin* origin, net::TransportPtr transport, const IpAddress& address,
             AddressGate judged_by, const UpstreamProxy* forwarding_proxy)
      : pool_(pool),
        origin_(origin),
        address_(address),
        judged_by_(std::move(judged_by)),
        forwarding_proxy_(forwarding_proxy),
        client_(new http::H1Client(pool->codec_, std::move(transport), this)) {}

  void OnReleased(http::H1Client*, bool reusable) override;

  // Whether the rules in force now still let this address be used.
  bool StillAllowed(const AddressGate& gate, bool is_judged) {
    if (!is_judged || judged_by_.JudgesAs(gate)) return true;
    if (!gate.Judge(address_).allowed) return false;
    judged_by_ = gate;
    return true;
  }

  Lease Lend(bool reused) { return {client_.get(), reused, forwarding_proxy_}; }
  bool Is(const http::ClientStream* stream) const { return client_.get() == stream; }
  Origin* origin() { return origin_; }
  uint64_t idle_since() const { return idle_since_; }
  size_t index = 0;  // in the origin's list of all
  // Set: the one that it serves from now on.
  const void* bound_to = nullptr;

 private:
  Pool* pool_;
  Origin* origin_;
  IpAddress address_;
  AddressGate judged_by_;
  const UpstreamProxy* forwarding_proxy_;
  uint64_t idle_since_ = 0;
  net::RetirePtr<http::H1Client> client_;
};

struct Pool::Origin {
  struct Waiting {
    Demand demand;
    Waiter* waiter;
  };

  tls::SessionSlot session;
  std::vector<std::unique_ptr<Connection>> all;
  // The idle ones, the last used at the end: those for anybody, and those for one client each.
  std::vector<Connection*> idle;
  std::vector<Connection*> idle_bound;
  std::deque<Waiting> waiting;
  size_t dials = 0;
  bool is_judged = true;
  bool has_room_noted = false;  // it is in Pool::with_room_
};

// One dial under way, for one waiter.
struct Pool::Dialling final : Dial::Listener {
  void OnDialed(Dial* done, net::TransportPtr transport, const IpAddress& address) override {
    auto connection = std::make_unique<Connection>(pool, origin, std::move(transport), address,
                                                   gate, done->forwarding_proxy());
    const Lease lease = connection->Lend(false);
    connection->index = origin->all.size();
    origin->all.push_back(std::move(connection));
    Waiter* told = waiter;
    pool->FinishDial(this);  // ends this object
    told->OnLeased(lease);
  }
  void OnDialFailed(Dial*, const DialError& error) override {
    Waiter* told = waiter;
    // NOLINTNEXTLINE(performance-unnecessary-copy-initialization): it ends with the dial.
    const DialError kept = error;
    pool->FinishDial(this);
    told->OnLeaseFailed(kept);
  }

  Pool* pool;
  Origin* origin;
  Waiter* waiter;
  AddressGate gate;
  net::RetirePtr<Dial> dial;
};

size_t Pool::KeyHash::operator()(const KeyView& key) const {
  return absl::HashOf(absl::string_view(key.host.data(), key.host.size()), key.port, key.tls);
}

Pool::Pool(http::CodecContext* codec, const DialContext* dial, size_t max_connections)
    : codec_(codec),
      dial_(dial),
      max_connections_(max_connections),
      sweep_(codec->loop, [this] { Sweep(); }) {
  sweep_.Start(kSweepInterval);
}

Pool::~Pool() { codec_->loop->Cancel(this); }

Pool::Origin* Pool::FindOrMakeOrigin(bool tls, const rules::Authority& authority) {
  const auto found = origins_.find(KeyView{tls, authority.host.name, authority.port});
  if (found != origins_.end()) return found->second.get();
  auto origin = std::make_unique<Origin>();
  origin->is_judged = IsJudged(*dial_, authority);
  return origins_.emplace(Key{tls, authority.host.name, authority.port}, std::move(origin))
      .first->second.get();
}

Pool::Lease Pool::Acquire(const Demand& demand, Waiter* waiter) {
  Origin* origin = FindOrMakeOrigin(demand.tls, demand.authority);
  // Who waits already comes first.
  if (origin->waiting.empty()) {
    const Lease lease = TakeIdle(origin, demand);
    if (lease.stream != nullptr) return lease;
    if (origin->all.size() + origin->dials < max_connections_) {
      StartDial(origin, demand, waiter);
      return {};
    }
  }
  origin->waiting.push_back({demand, waiter});
  return {};
}

Pool::Lease Pool::TakeIdle(Origin* origin, const Demand& demand) {
  if (demand.reuse == Reuse::kForbidden) return {};
  // Through an upstream proxy nobody knows where a connection leads; dialling says no.
  if (!origin->is_judged && dial_->proxy != nullptr && demand.gate.NeedsAddress()) return {};
  for (size_t i = origin->idle_bound.size(); i > 0; --i) {
    Connection* connection = origin->idle_bound[i - 1];
    if (connection->bound_to != demand.client) continue;
    std::erase(origin->idle_bound, connection);
    if (connection->StillAllowed(demand.gate, origin->is_judged)) return connection->Lend(true);
    Remove(connection);
  }
  while (!origin->idle.empty()) {
    Connection* connection = origin->idle.back();
    origin->idle.pop_back();
    if (connection->StillAllowed(demand.gate, origin->is_judged)) return connection->Lend(true);
    Remove(connection);
  }
  return {};
}

void Pool::StartDial(Origin* origin, const Demand& demand, Waiter* waiter) {
  auto dialling = std::make_unique<Dialling>();
  dialling->pool = this;
  dialling->origin = origin;
  dialling->waiter = waiter;
  dialling->gate = demand.gate;
  dialling->dial = net::RetirePtr<Dial>(
      new Dial(dial_, demand.authority, demand.gate, demand.tls ? DialFor::kTls : DialFor::kHttp,
               demand.tls ? &origin->session : nullptr, dialling.get()));
  ++origin->dials;
  dialling_.push_back(std::move(dialling));
}

void Pool::Cancel(Waiter* waiter) {
  for (const auto& dialling : dialling_) {
    if (dialling->waiter != waiter) continue;
    FinishDial(dialling.get());
    return;
  }
  for (auto& [key, origin] : origins_) {
    const size_t gone = std::erase_if(
        origin->waiting, [waiter](const auto& waiting) { return waiting.waiter == waiter; });
    if (gone > 0) return;
  }
}

void Pool::FinishDial(Dialling* dialling) {
  --dialling->origin->dials;
  NoteRoom(dialling->origin);
  std::erase_if(dialling_, [dialling](const auto& entry) { return entry.get() == dialling; });
}

void Pool::Bind(const http::ClientStream* stream, const void* client) {
  for (auto& [key, origin] : origins_) {
    for (const auto& connection : origin->all) {
      if (!connection->Is(stream)) continue;
      connection->bound_to = client;
      return;
    }
  }
}

void Pool::Unbind(const void* client) {
  for (auto& [key, origin] : origins_) {
    const std::vector<Connection*> bound = origin->idle_bound;
    for (Connection* connection : bound) {
      if (connection->bound_to != client) continue;
      std::erase(origin->idle_bound, connection);
      Remove(connection);
    }
  }
}

void Pool::Connection::OnReleased(http::H1Client*, bool reusable) {
  if (!reusable) {
    std::erase(origin_->idle, this);
    std::erase(origin_->idle_bound, this);
    pool_->Remove(this);
    return;
  }
  idle_since_ = pool_->codec_->loop->now_ms();
  (bound_to == nullptr ? origin_->idle : origin_->idle_bound).push_back(this);
  pool_->NoteRoom(origin_);
}

void Pool::Remove(Connection* connection) {
  Origin* origin = connection->origin();
  std::vector<std::unique_ptr<Connection>>& all = origin->all;
  const size_t index = connection->index;
  std::swap(all[index], all.back());
  all[index]->index = index;
  all.pop_back();
  NoteRoom(origin);
}

void Pool::NoteRoom(Origin* origin) {
  if (origin->waiting.empty() || std::exchange(origin->has_room_noted, true)) return;
  with_room_.push_back(origin);
  codec_->loop->Schedule(this);
}

void Pool::OnTurnEnd() {
  for (Origin* origin : std::exchange(with_room_, {})) {
    origin->has_room_noted = false;
    ServeWaiting(origin);
  }
}

void Pool::ServeWaiting(Origin* origin) {
  while (!origin->waiting.empty()) {
    const Origin::Waiting first = origin->waiting.front();
    const Lease lease = TakeIdle(origin, first.demand);
    if (lease.stream == nullptr && origin->all.size() + origin->dials >= max_connections_) return;
    origin->waiting.pop_front();
    if (lease.stream != nullptr) {
      first.waiter->OnLeased(lease);
    } else {
      StartDial(origin, first.demand, first.waiter);
    }
  }
}

void Pool::CloseIdle() {
  for (auto& [key, origin] : origins_) {
    for (Connection* connection : std::exchange(origin->idle, {})) Remove(connection);
    for (Connection* connection : std::exchange(origin->idle_bound, {})) Remove(connection);
  }
}

metrics::PoolCounts Pool::Count() const {
  metrics::PoolCounts counts;
  for (const auto& [key, origin] : origins_) {
    const size_t idle = origin->idle.size() + origin->idle_bound.size();
    counts.idle += idle;
    counts.active += origin->all.size() - idle;
    counts.waiting += origin->waiting.size();
  }
  counts.dialling = dialling_.size();
  return counts;
}

void Pool::Sweep() {
  for (auto& [key, origin] : origins_) {
    CloseOld(&origin->idle);
    CloseOld(&origin->idle_bound);
  }
  if (origins_.size() > kMaxOrigins) {
    absl::erase_if(origins_, [](const auto& entry) {
      const Origin& origin = *entry.second;
      return origin.all.empty() && origin.dials == 0 && origin.waiting.empty() &&
             !origin.has_room_noted;
    });
  }
  sweep_.Start(kSweepInterval);
}

void Pool::CloseOld(std::vector<Connection*>* idle) {
  const uint64_t now = codec_->loop->now_ms();
  const auto limit = static_cast<uint64_t>(codec_->limits.idle_timeout.count());
  // The oldest are at the front.
  const auto young = std::find_if(idle->begin(), idle->end(), [now, limit](Connection* connection) {
    return connection->idle_since() + limit > now;
  });
  const std::vector<Connection*> old(idle->begin(), young);
  idle->erase(idle->begin(), young);
  for (Connection* connection : old) Remove(connection);
}

}  // namespace sallyport::upstream

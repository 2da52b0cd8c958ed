#include "proxy/upstream/pool.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "absl/hash/hash.h"
#include "absl/strings/string_view.h"

namespace sallyport::upstream {
namespace {

constexpr std::chrono::milliseconds kSweepInterval(10'000);
// Origins without a connection are forgotten, sessions and all, beyond this many.
constexpr size_t kMaxOrigins = 1024;

// Whether an HTTP/2 connection would do.
bool IsShareable(const Demand& demand) {
  return demand.tls && !demand.websocket && !demand.http1_only;
}

}  // namespace

// An origin, and the requests that it has no connection for yet.
struct Pool::Entry final : Origin {
  using Origin::Origin;

  struct Waiting {
    Demand demand;
    Waiter* waiter;
  };

  std::deque<Waiting> waiting;
  size_t dials = 0;
  size_t shareable_dials = 0;  // of those: that may end in HTTP/2
  bool http1_alone = false;    // as the last such dial found
  bool noted = false;          // in Pool::with_room_
};

// One dial under way, for one waiter.
struct Pool::Dialling final : Dial::Listener {
  void OnDialed(Dial* done, net::TransportPtr transport, const IpAddress& address) override {
    if (shareable) entry->http1_alone = !done->http2();
    const Lease lease = entry->Add({std::move(transport), address, gate, done->forwarding_proxy(),
                                    done->http2(), done->tls()});
    Waiter* told = waiter;
    pool->FinishDial(this);  // ends this object
    told->OnLeased(lease);
  }
  void OnDialFailed(Dial*, const DialError& error) override {
    Pool* its_pool = pool;
    Entry* its_entry = entry;
    Waiter* told = waiter;
    const bool was_shareable = shareable;
    // NOLINTNEXTLINE(performance-unnecessary-copy-initialization): it ends with the dial.
    const DialError kept = error;
    pool->FinishDial(this);
    if (was_shareable) its_pool->FailWaiting(its_entry, kept);
    told->OnLeaseFailed(kept);
  }

  Pool* pool;
  Entry* entry;
  Waiter* waiter;
  AddressGate gate;
  bool shareable;
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

Pool::Entry* Pool::FindOrMake(bool tls, const rules::Authority& authority) {
  const auto found = origins_.find(KeyView{tls, authority.host.name, authority.port});
  if (found != origins_.end()) return found->second.get();
  Origin::Owner* const owner = this;
  auto entry = std::make_unique<Entry>(codec_, IsJudged(*dial_, authority), owner);
  return origins_.emplace(Key{tls, authority.host.name, authority.port}, std::move(entry))
      .first->second.get();
}

Lease Pool::Acquire(const Demand& demand, Waiter* waiter) {
  Entry* entry = FindOrMake(demand.tls, demand.authority);
  // Who waits already comes first.
  if (entry->waiting.empty()) {
    const Lease lease = Take(entry, demand);
    if (lease.stream != nullptr) return lease;
    if (!WaitsForDial(*entry, demand) && entry->connections() + entry->dials < max_connections_) {
      StartDial(entry, demand, waiter);
      return {};
    }
  }
  entry->waiting.push_back({demand, waiter});
  return {};
}

Lease Pool::Take(Entry* entry, const Demand& demand) {
  // Through an upstream proxy nobody knows where a connection leads; dialling says no.
  if (!entry->is_judged() && dial_->proxy != nullptr && demand.gate.NeedsAddress()) return {};
  return entry->Take(demand);
}

bool Pool::WaitsForDial(const Entry& entry, const Demand& demand) {
  return IsShareable(demand) && entry.shareable_dials > 0 && !entry.http1_alone;
}

void Pool::StartDial(Entry* entry, const Demand& demand, Waiter* waiter) {
  auto dialling = std::make_unique<Dialling>();
  dialling->pool = this;
  dialling->entry = entry;
  dialling->waiter = waiter;
  dialling->gate = demand.gate;
  dialling->shareable = IsShareable(demand);
  const DialFor purpose = !demand.tls           ? DialFor::kHttp
                          : dialling->shareable ? DialFor::kTls
                                                : DialFor::kTlsHttp1;
  dialling->dial =
      net::RetirePtr<Dial>(new Dial(dial_, demand.authority, demand.gate, purpose,
                                    demand.tls ? &entry->session : nullptr, dialling.get()));
  ++entry->dials;
  if (dialling->shareable) ++entry->shareable_dials;
  dialling_.push_back(std::move(dialling));
}

void Pool::Cancel(Waiter* waiter) {
  for (const auto& dialling : dialling_) {
    if (dialling->waiter != waiter) continue;
    FinishDial(dialling.get());
    return;
  }
  for (auto& [key, entry] : origins_) {
    const size_t gone = std::erase_if(
        entry->waiting, [waiter](const auto& waiting) { return waiting.waiter == waiter; });
    if (gone > 0) return;
  }
}

void Pool::FinishDial(Dialling* dialling) {
  Entry* entry = dialling->entry;
  --entry->dials;
  if (dialling->shareable) --entry->shareable_dials;
  OnRoom(entry);
  std::erase_if(dialling_, [dialling](const auto& kept) { return kept.get() == dialling; });
}

void Pool::FailWaiting(Entry* entry, const DialError& error) {
  // What one configuration refused, the next may allow: those ask for themselves.
  if (error.kind == DialErrorKind::kAddressDenied) return;
  size_t left = entry->waiting.size();
  const auto waited_for_it = [](const auto& waiting) { return IsShareable(waiting.demand); };
  while (left-- > 0) {
    const auto found = std::find_if(entry->waiting.begin(), entry->waiting.end(), waited_for_it);
    if (found == entry->waiting.end()) return;
    Waiter* waiter = found->waiter;
    entry->waiting.erase(found);
    waiter->OnLeaseFailed(error);
  }
}

void Pool::Bind(const http::ClientStream* stream, const void* client) {
  for (auto& [key, entry] : origins_) {
    if (entry->Bind(stream, client)) return;
  }
}

void Pool::Unbind(const void* client) {
  for (auto& [key, entry] : origins_) entry->Unbind(client);
}

void Pool::OnRoom(Origin* origin) {
  auto* entry = static_cast<Entry*>(origin);
  if (entry->waiting.empty() || std::exchange(entry->noted, true)) return;
  with_room_.push_back(entry);
  codec_->loop->Schedule(this);
}

void Pool::OnTurnEnd() {
  for (Entry* entry : std::exchange(with_room_, {})) {
    entry->noted = false;
    ServeWaiting(entry);
  }
}

void Pool::ServeWaiting(Entry* entry) {
  while (!entry->waiting.empty()) {
    const Entry::Waiting first = entry->waiting.front();
    const Lease lease = Take(entry, first.demand);
    if (lease.stream == nullptr && (WaitsForDial(*entry, first.demand) ||
                                    entry->connections() + entry->dials >= max_connections_)) {
      return;
    }
    entry->waiting.pop_front();
    if (lease.stream != nullptr) {
      first.waiter->OnLeased(lease);
    } else {
      StartDial(entry, first.demand, first.waiter);
    }
  }
}

void Pool::CloseIdle() {
  for (auto& [key, entry] : origins_) entry->CloseIdle();
}

metrics::PoolCounts Pool::Count() const {
  metrics::PoolCounts counts;
  for (const auto& [key, entry] : origins_) {
    entry->AddTo(&counts);
    counts.waiting += entry->waiting.size();
  }
  counts.dialling = dialling_.size();
  return counts;
}

void Pool::Sweep() {
  for (auto& [key, entry] : origins_) entry->CloseOld(codec_->limits.idle_timeout);
  if (origins_.size() > kMaxOrigins) {
    absl::erase_if(origins_, [](const auto& kept) {
      const Entry& entry = *kept.second;
      return entry.connections() == 0 && entry.dials == 0 && entry.waiting.empty() && !entry.noted;
    });
  }
  sweep_.Start(kSweepInterval);
}

}  // namespace sallyport::upstream

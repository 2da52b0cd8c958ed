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

// One connection, idle in its origin's list or lent out.
class Pool::Connection final : public http::H1Client::Owner {
 public:
  Connection(Pool* pool, Origin* origin, net::TransportPtr transport, const IpAddress& address,
             std::shared_ptr<const rules::RuleSet> judged_by)
      : pool_(pool),
        origin_(origin),
        address_(address),
        judged_by_(std::move(judged_by)),
        client_(new http::H1Client(pool->codec_, std::move(transport), this)) {}

  void OnReleased(http::H1Client*, bool reusable) override;

  // Whether the rules in force now still let this address be used.
  bool StillAllowed(const AddressGate& gate, bool overridden) {
    if (judged_by_ == gate.rules || overridden) return true;
    if (!gate.rules->JudgeAddress(address_, gate.decision).allowed) return false;
    judged_by_ = gate.rules;
    return true;
  }

  http::H1Client* client() { return client_.get(); }
  Origin* origin() { return origin_; }
  uint64_t idle_since() const { return idle_since_; }
  size_t index = 0;  // in the origin's list of all

 private:
  Pool* pool_;
  Origin* origin_;
  IpAddress address_;
  std::shared_ptr<const rules::RuleSet> judged_by_;
  uint64_t idle_since_ = 0;
  net::RetirePtr<http::H1Client> client_;
};

struct Pool::Origin {
  tls::SessionSlot session;
  std::vector<std::unique_ptr<Connection>> all;
  // The idle ones, the last used at the end.
  std::vector<Connection*> idle;
  size_t dials = 0;
  bool overridden = false;
};

// One dial under way, for one waiter.
struct Pool::Dialling final : Dial::Listener {
  void OnDialed(Dial*, net::TransportPtr transport, const IpAddress& address) override {
    auto connection =
        std::make_unique<Connection>(pool, origin, std::move(transport), address, gate.rules);
    http::ClientStream* stream = connection->client();
    connection->index = origin->all.size();
    origin->all.push_back(std::move(connection));
    Waiter* told = waiter;
    pool->FinishDial(this);  // ends this object
    told->OnLeased({stream, false});
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

Pool::Pool(http::CodecContext* codec, const DialContext* dial)
    : codec_(codec), dial_(dial), sweep_(codec->loop, [this] { Sweep(); }) {
  sweep_.Start(kSweepInterval);
}

Pool::~Pool() = default;

Pool::Origin* Pool::FindOrMakeOrigin(bool tls, const rules::Authority& authority) {
  const auto found = origins_.find(KeyView{tls, authority.host.name, authority.port});
  if (found != origins_.end()) return found->second.get();
  auto origin = std::make_unique<Origin>();
  origin->overridden = std::any_of(
      dial_->overrides->begin(), dial_->overrides->end(), [&](const ConnectOverride& entry) {
        return entry.host == authority.host.name && entry.port == authority.port;
      });
  return origins_.emplace(Key{tls, authority.host.name, authority.port}, std::move(origin))
      .first->second.get();
}

Pool::Lease Pool::Acquire(bool tls, const rules::Authority& authority, const AddressGate& gate,
                          Reuse reuse, Waiter* waiter) {
  Origin* origin = FindOrMakeOrigin(tls, authority);
  while (reuse == Reuse::kAllowed && !origin->idle.empty()) {
    Connection* connection = origin->idle.back();
    origin->idle.pop_back();
    if (connection->StillAllowed(gate, origin->overridden)) return {connection->client(), true};
    Remove(connection);
  }
  auto dialling = std::make_unique<Dialling>();
  dialling->pool = this;
  dialling->origin = origin;
  dialling->waiter = waiter;
  dialling->gate = gate;
  dialling->dial = net::RetirePtr<Dial>(
      new Dial(dial_, authority, gate, tls ? &origin->session : nullptr, dialling.get()));
  ++origin->dials;
  dialling_.push_back(std::move(dialling));
  return {};
}

void Pool::Cancel(Waiter* waiter) {
  for (const auto& dialling : dialling_) {
    if (dialling->waiter != waiter) continue;
    FinishDial(dialling.get());
    return;
  }
}

void Pool::FinishDial(Dialling* dialling) {
  --dialling->origin->dials;
  std::erase_if(dialling_, [dialling](const auto& entry) { return entry.get() == dialling; });
}

void Pool::Connection::OnReleased(http::H1Client*, bool reusable) {
  if (!reusable) {
    std::erase(origin_->idle, this);
    pool_->Remove(this);
    return;
  }
  idle_since_ = pool_->codec_->loop->now_ms();
  origin_->idle.push_back(this);
}

void Pool::Remove(Connection* connection) {
  std::vector<std::unique_ptr<Connection>>& all = connection->origin()->all;
  const size_t index = connection->index;
  std::swap(all[index], all.back());
  all[index]->index = index;
  all.pop_back();
}

void Pool::CloseIdle() {
  for (auto& [key, origin] : origins_) {
    for (Connection* connection : std::exchange(origin->idle, {})) Remove(connection);
  }
}

metrics::PoolCounts Pool::Count() const {
  metrics::PoolCounts counts;
  for (const auto& [key, origin] : origins_) {
    counts.idle += origin->idle.size();
    counts.active += origin->all.size() - origin->idle.size();
  }
  counts.dialling = dialling_.size();
  return counts;
}

void Pool::Sweep() {
  const uint64_t now = codec_->loop->now_ms();
  const auto limit = static_cast<uint64_t>(codec_->limits.idle_timeout.count());
  for (auto& [key, origin] : origins_) {
    // The oldest are at the front.
    const auto young = std::find_if(
        origin->idle.begin(), origin->idle.end(),
        [now, limit](Connection* connection) { return connection->idle_since() + limit > now; });
    const std::vector<Connection*> old(origin->idle.begin(), young);
    origin->idle.erase(origin->idle.begin(), young);
    for (Connection* connection : old) Remove(connection);
  }
  if (origins_.size() > kMaxOrigins) {
    absl::erase_if(origins_, [](const auto& entry) {
      return entry.second->all.empty() && entry.second->dials == 0;
    });
  }
  sweep_.Start(kSweepInterval);
}

}  // namespace sallyport::upstream

#ifndef SALLYPORT_PROXY_UPSTREAM_POOL_H_
#define SALLYPORT_PROXY_UPSTREAM_POOL_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "proxy/net/timer.h"
#include "proxy/upstream/lease.h"
#include "proxy/upstream/origin.h"

namespace sallyport::upstream {

// One worker's connections to upstreams, kept by scheme, host and port. A connection that was
// verified for one name never serves another. An origin has so many connections at most; further
// requests wait for one in the order they came. Where HTTP/2 is possible, the first connection is
// waited for: what it turns out to speak decides whether more are needed.
class Pool final : private Origin::Owner, private net::TurnTask {
 public:
  class Waiter {
   public:
    virtual void OnLeased(const Lease& lease) = 0;
    virtual void OnLeaseFailed(const DialError& error) = 0;

   protected:
    ~Waiter() = default;
  };

  // Both outlive the pool. `max_connections` to one origin.
  Pool(http::CodecContext* codec, const DialContext* dial, size_t max_connections);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // A stream at once, or a null one: then `waiter` is told later, unless it is cancelled.
  Lease Acquire(const Demand& demand, Waiter* waiter);
  void Cancel(Waiter* waiter);

  // The upstream has taken, or may take, the connection of `stream` for one user's (NTLM,
  // Negotiate; RFC 4559 §6): from its release on it serves `client` alone.
  void Bind(const http::ClientStream* stream, const void* client);
  // `client` is gone, and what was bound to it with it.
  void Unbind(const void* client);

  // Closes every idle connection.
  void CloseIdle();

  metrics::PoolCounts Count() const;

 private:
  struct Entry;
  struct Dialling;
  struct KeyView {
    bool tls;
    std::string_view host;
    uint16_t port;
  };
  struct Key {
    bool tls;
    std::string host;
    uint16_t port;
  };
  struct KeyHash {
    using is_transparent = void;
    size_t operator()(const KeyView& key) const;
    size_t operator()(const Key& key) const {
      return (*this)(KeyView{key.tls, key.host, key.port});
    }
  };
  struct KeyEqual {
    using is_transparent = void;
    template <typename A, typename B>
    bool operator()(const A& a, const B& b) const {
      return a.tls == b.tls && a.port == b.port &&
             std::string_view(a.host) == std::string_view(b.host);
    }
  };

  Entry* FindOrMake(bool tls, const rules::Authority& authority);
  Lease Take(Entry* entry, const Demand& demand);
  // Whether a dial under way may end in a connection that this request can share.
  static bool WaitsForDial(const Entry& entry, const Demand& demand);
  void StartDial(Entry* entry, const Demand& demand, Waiter* waiter);
  void FinishDial(Dialling* dialling);
  // Fails the requests that waited for a dial like the one that has failed.
  void FailWaiting(Entry* entry, const DialError& error);
  void OnRoom(Origin* origin) override;
  void ServeWaiting(Entry* entry);
  void OnTurnEnd() override;
  void Sweep();

  http::CodecContext* codec_;
  const DialContext* dial_;
  const size_t max_connections_;
  absl::flat_hash_map<Key, std::unique_ptr<Entry>, KeyHash, KeyEqual> origins_;
  std::vector<std::unique_ptr<Dialling>> dialling_;
  // Those with room and requests that wait for it.
  std::vector<Entry*> with_room_;
  net::Timer sweep_;
};

}  // namespace sallyport::upstream

#endif  // SALLYPORT_PROXY_UPSTREAM_POOL_H_

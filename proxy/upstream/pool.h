#ifndef SALLYPORT_PROXY_UPSTREAM_POOL_H_
#define SALLYPORT_PROXY_UPSTREAM_POOL_H_

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "proxy/http/h1_client.h"
#include "proxy/net/timer.h"
#include "proxy/upstream/dial.h"

namespace sallyport::upstream {

// One worker's connections to upstreams, kept by scheme, host and port. A connection that was
// verified for one name never serves another. Idle ones are used last in, first out, so that the
// surplus grows old and is closed. An origin has so many connections at most; further requests wait
// for one in the order they came.
class Pool final : private net::TurnTask {
 public:
  struct Lease {
    http::ClientStream* stream = nullptr;
    // The connection had served a request before: its peer may have closed it meanwhile.
    bool reused = false;
    // Requests must be written for this proxy, in absolute form; null: none is in between.
    const UpstreamProxy* forwarding_proxy = nullptr;
  };

  class Waiter {
   public:
    virtual void OnLeased(const Lease& lease) = 0;
    virtual void OnLeaseFailed(const DialError& error) = 0;

   protected:
    ~Waiter() = default;
  };

  enum class Reuse : uint8_t { kAllowed, kForbidden };

  // Both outlive the pool. `max_connections` to one origin.
  Pool(http::CodecContext* codec, const DialContext* dial, size_t max_connections);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // What a request needs. `client` stands for the connection that it came on.
  struct Demand {
    bool tls = false;
    rules::Authority authority;
    AddressGate gate;
    Reuse reuse = Reuse::kAllowed;
    const void* client = nullptr;
  };
  // An idle connection at once, or a null stream: then `waiter` is told later, unless it is
  // cancelled. The stream's user releases it.
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
  class Connection;
  struct Origin;
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

  Origin* FindOrMakeOrigin(bool tls, const rules::Authority& authority);
  Lease TakeIdle(Origin* origin, const Demand& demand);
  void StartDial(Origin* origin, const Demand& demand, Waiter* waiter);
  void Remove(Connection* connection);
  void FinishDial(Dialling* dialling);
  // A connection of `origin` became idle or went away.
  void NoteRoom(Origin* origin);
  void ServeWaiting(Origin* origin);
  void OnTurnEnd() override;
  void Sweep();
  void CloseOld(std::vector<Connection*>* idle);

  http::CodecContext* codec_;
  const DialContext* dial_;
  const size_t max_connections_;
  absl::flat_hash_map<Key, std::unique_ptr<Origin>, KeyHash, KeyEqual> origins_;
  std::vector<std::unique_ptr<Dialling>> dialling_;
  // Origins with room and requests that wait for it.
  std::vector<Origin*> with_room_;
  net::Timer sweep_;
};

}  // namespace sallyport::upstream

#endif  // SALLYPORT_PROXY_UPSTREAM_POOL_H_

#ifndef SALLYPORT_PROXY_UPSTREAM_ORIGIN_H_
#define SALLYPORT_PROXY_UPSTREAM_ORIGIN_H_

#include <chrono>
#include <memory>
#include <vector>

#include "proxy/http/message_buffers.h"
#include "proxy/metrics/worker_metrics.h"
#include "proxy/tls/client_context.h"
#include "proxy/upstream/lease.h"

namespace sallyport::upstream {

// One worker's connections to one origin. HTTP/1.1 connections are lent to one request at a time,
// the last used first, so that the surplus grows old; HTTP/2 ones are shared.
class Origin {
 public:
  class Owner {
   public:
    // A request that found no connection may find one now, or room for one. Never runs inside
    // Take; may run inside other calls.
    virtual void OnRoom(Origin* origin) = 0;

   protected:
    ~Owner() = default;
  };

  // `is_judged`: addresses are judged again when the rules have changed. `codec` and `owner`
  // outlive the origin.
  Origin(http::CodecContext* codec, bool is_judged, Owner* owner);
  ~Origin();
  Origin(const Origin&) = delete;
  Origin& operator=(const Origin&) = delete;

  // A stream on a connection that is there and fits; null if there is none.
  Lease Take(const Demand& demand);

  // A new connection, and a stream on it.
  struct Dialled {
    net::TransportPtr transport;
    IpAddress address;
    AddressGate judged_by;
    const UpstreamProxy* forwarding_proxy = nullptr;
    bool http2 = false;
    bool tls = false;
  };
  Lease Add(Dialled dialled);

  // See Pool.
  bool Bind(const http::ClientStream* stream, const void* client);
  void Unbind(const void* client);

  // Closes what is idle: all of it, or what has been for `limit`.
  void CloseIdle();
  void CloseOld(std::chrono::milliseconds limit);

  bool is_judged() const { return is_judged_; }
  size_t connections() const { return exclusive_.size() + shared_.size(); }
  void AddTo(metrics::PoolCounts* counts) const;

  // For resumption.
  tls::SessionSlot session;

 private:
  class Exclusive;
  class Shared;

  Lease TakeShared(const Demand& demand);
  Lease TakeExclusive(const Demand& demand, std::vector<Exclusive*>* idle);
  void Remove(Exclusive* connection);
  void Remove(Shared* connection);
  void CloseOld(std::vector<Exclusive*>* idle, uint64_t before_ms);

  http::CodecContext* codec_;
  const bool is_judged_;
  Owner* owner_;
  std::vector<std::unique_ptr<Exclusive>> exclusive_;
  // The idle ones of those, the last used at the end: for anybody, and for one client each.
  std::vector<Exclusive*> idle_;
  std::vector<Exclusive*> idle_bound_;
  std::vector<std::unique_ptr<Shared>> shared_;
};

}  // namespace sallyport::upstream

#endif  // SALLYPORT_PROXY_UPSTREAM_ORIGIN_H_

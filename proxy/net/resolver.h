#ifndef SALLYPORT_PROXY_NET_RESOLVER_H_
#define SALLYPORT_PROXY_NET_RESOLVER_H_

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "base/ip_address.h"
#include "proxy/net/event_loop.h"

namespace sallyport::net {

// Looks names up with the system's resolver (getaddrinfo(3)), off the loop. Questions for one name
// that is being looked up already share its answer, and answers are kept for 30 seconds: the
// system's resolver does not say how long they are good for.
class Resolver {
 public:
  class Listener {
   public:
    // The addresses in the resolver's order, at least one; or why there are none. Never runs inside
    // Resolve.
    virtual void OnResolved(const absl::StatusOr<std::vector<IpAddress>>& addresses) = 0;

   protected:
    ~Listener() = default;
  };

  explicit Resolver(EventLoop* loop);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // `host` is a canonical name. The listener must live until it was called or Cancel was.
  void Resolve(const std::string& host, Listener* listener);
  void Cancel(Listener* listener);

 private:
  struct Query;
  struct Answer;

  void Finish(Query* query, const absl::StatusOr<std::vector<IpAddress>>& addresses);
  void ForgetExpired();

  EventLoop* loop_;
  absl::flat_hash_map<std::string, Query*> queries_;
  absl::flat_hash_map<std::string, std::unique_ptr<Answer>> answers_;
};

}  // namespace sallyport::net

#endif  // SALLYPORT_PROXY_NET_RESOLVER_H_

#ifndef SALLYPORT_PROXY_NET_CONNECTOR_H_
#define SALLYPORT_PROXY_NET_CONNECTOR_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/ip_address.h"
#include "proxy/net/event_loop.h"
#include "proxy/net/timer.h"
#include "proxy/net/transport.h"

namespace sallyport::net {

// Connects to the first of several addresses that answers (RFC 8305, "Happy Eyeballs"): families
// take turns, a new attempt starts 250 ms after the last one or as soon as it failed, the first to
// connect wins and the others are closed.
class Connector final : public Retirable {
 public:
  class Listener {
   public:
    virtual void OnConnected(TransportPtr transport, const IpAddress& address) = 0;
    // Every attempt failed, or time is up. `reason` is that of the last failure.
    virtual void OnConnectFailed(bool timed_out, const std::string& reason) = 0;

   protected:
    ~Listener() = default;
  };

  // `addresses` is not empty. The listener is called once, never from inside this constructor, and
  // may retire the connector.
  Connector(EventLoop* loop, std::vector<IpAddress> addresses, uint16_t port,
            std::chrono::milliseconds timeout, Listener* listener);
  ~Connector() override;

  void Retire() override;
  EventLoop& loop() override { return *loop_; }

 private:
  struct Attempt;

  void StartNext();
  void OnAttemptDone(Attempt* attempt);
  void FailIfExhausted();
  void GiveUp(bool timed_out);

  EventLoop* loop_;
  std::vector<IpAddress> addresses_;
  uint16_t port_;
  Listener* listener_;
  size_t next_ = 0;
  std::vector<Attempt*> attempts_;
  std::string last_failure_;
  Timer stagger_;
  Timer timeout_;
};

}  // namespace sallyport::net

#endif  // SALLYPORT_PROXY_NET_CONNECTOR_H_

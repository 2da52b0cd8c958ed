#ifndef SALLYPORT_PROXY_SERVER_FIRST_BYTES_H_
#define SALLYPORT_PROXY_SERVER_FIRST_BYTES_H_

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "proxy/net/timer.h"
#include "proxy/net/transport.h"

namespace sallyport::proxy {

// Reads the beginning of a connection, or of what is inside a CONNECT, until somebody knows what it
// is. What was read is then taken along with the transport.
class FirstBytes final : public net::Retirable,
                         private net::TransportListener,
                         private net::TurnTask {
 public:
  // None of these runs inside a call to this object. Each may retire it.
  class Owner {
   public:
    // More has come: `bytes` is everything that was read and not skipped, at least one byte.
    virtual void OnFirstBytes(std::string_view bytes) = 0;
    // The client ended, broke, or took too long.
    virtual void OnNoFirstBytes() = 0;

   protected:
    ~Owner() = default;
  };

  // `early` are bytes that were read from `transport` before. Everything the owner needs must come
  // within `timeout`.
  FirstBytes(net::TransportPtr transport, std::string early, std::chrono::milliseconds timeout,
             Owner* owner);
  ~FirstBytes() override;

  // Forgets the first `size` bytes; not from views into them that are still in use.
  void Skip(size_t size) { bytes_.erase(0, size); }
  void Write(std::string_view bytes) { transport_->Write(bytes); }
  // Reads no more: enough is known, but nobody can take the transport yet.
  void Hold();

  struct Taken {
    net::TransportPtr transport;
    std::string bytes;
  };
  // Gives everything away; this object is of no more use.
  Taken Take();

  void Retire() override;
  net::EventLoop& loop() override { return loop_; }

 private:
  void OnData(std::string_view bytes) override;
  void OnEnd(net::EndKind) override { owner_->OnNoFirstBytes(); }
  void OnDrained() override {}
  void OnError(net::TransportError, const std::string&) override { owner_->OnNoFirstBytes(); }
  void OnTurnEnd() override { owner_->OnFirstBytes(bytes_); }

  net::EventLoop& loop_;
  net::TransportPtr transport_;
  std::string bytes_;
  Owner* owner_;
  net::Timer timer_;
};

}  // namespace sallyport::proxy

#endif  // SALLYPORT_PROXY_SERVER_FIRST_BYTES_H_

#ifndef SALLYPORT_BENCH_THROUGHPUT_LOAD_HTTP1_CONNECTION_H_
#define SALLYPORT_BENCH_THROUGHPUT_LOAD_HTTP1_CONNECTION_H_

#include <cstdint>
#include <string_view>

#include "bench/throughput/load/channel.h"
#include "bench/throughput/load/exchange.h"

namespace sallyport::bench {

// One client's HTTP/1.1 connection, one request at a time.
class Http1Connection final : public Channel {
 public:
  class Owner {
   public:
    virtual void OnOpen(Http1Connection& connection) = 0;
    // The connection is still open unless the reply said "Connection: close".
    virtual void OnReply(Http1Connection& connection) = 0;
    // The connection is closed; `reason` says what was wrong.
    virtual void OnFailure(Http1Connection& connection, std::string_view reason) = 0;

   protected:
    ~Owner() = default;
  };

  // All outlive the connection. `request_head` is RequestHead(*exchange).
  Http1Connection(EventLoop* loop, const Route* route, const Exchange* exchange,
                  std::string_view request_head, Owner* owner);

  // Sends the exchange's request; OnReply follows, or OnFailure. Only when open and idle.
  void Send();

  // What the owner wants to remember of the request under way.
  TimePoint due{};

 private:
  void OnSecured() override;
  void OnProgress() override;
  void OnFailed(std::string_view reason) override { owner_->OnFailure(*this, reason); }
  void WriteRequest();
  void ReadReply();

  const Exchange* exchange_;
  std::string_view request_head_;
  Owner* owner_;

  bool busy_ = false;
  uint64_t written_ = 0;  // of the request, its head included
  ReplyReader reader_;
};

}  // namespace sallyport::bench

#endif  // SALLYPORT_BENCH_THROUGHPUT_LOAD_HTTP1_CONNECTION_H_

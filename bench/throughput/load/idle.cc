#include "bench/throughput/load/workload.h"

namespace sallyport::bench {
namespace {

class Idle final : public Workload, public Http1Connection::Owner {
 public:
  Idle(Setting* setting, int connections) : setting_(setting) {
    for (int i = 0; i < connections; ++i) {
      connections_.push_back(std::make_unique<Http1Connection>(
          &setting->loop, &setting->route, &setting->exchange, setting->request_head, this));
    }
  }

  void Run(TimePoint) override {
    while (next_ < connections_.size() && under_way_ < kAtOnce) OpenNext();
    while (under_way_ > 0) setting_->loop.Turn(std::nullopt);
  }

 private:
  // A few at a time, for a proxy's memory to show idle connections and not a storm of handshakes.
  static constexpr size_t kAtOnce = 8;

  void OpenNext() {
    ++under_way_;
    connections_[next_]->Open(next_);
    ++next_;
  }

  void OnOpen(Http1Connection& connection) override {
    ++tally_.opened;
    connection.Send();
  }

  void OnReply(Http1Connection&) override {
    ++tally_.done;
    Next();
  }

  void OnFailure(Http1Connection&, std::string_view reason) override {
    tally_.Error(reason);
    Next();
  }

  void Next() {
    --under_way_;
    if (next_ < connections_.size()) OpenNext();
  }

  Setting* setting_;
  std::vector<std::unique_ptr<Http1Connection>> connections_;
  size_t next_ = 0;
  size_t under_way_ = 0;
};

}  // namespace

std::unique_ptr<Workload> MakeIdle(Setting* setting, int connections) {
  return std::make_unique<Idle>(setting, connections);
}

}  // namespace sallyport::bench

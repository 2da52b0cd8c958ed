#include "bench/throughput/load/workload.h"

namespace sallyport::bench {
namespace {

class ClosedLoop final : public Workload, public Http1Connection::Owner {
 public:
  ClosedLoop(Setting* setting, int connections, Reuse reuse) : setting_(setting), reuse_(reuse) {
    for (int i = 0; i < connections; ++i) {
      connections_.push_back(std::make_unique<Http1Connection>(
          &setting->loop, &setting->route, &setting->exchange, setting->request_head, this));
    }
  }

  void Run(TimePoint until) override {
    until_ = until;
    under_way_ = connections_.size();
    for (const auto& connection : connections_) Begin(*connection);
    while (under_way_ > 0) setting_->loop.Turn(std::nullopt);
  }

 private:
  void Begin(Http1Connection& connection) {
    connection.due = Clock::now();
    if (connection.is_open()) {
      connection.Send();
    } else {
      connection.Open(next_number_++);
    }
  }

  void OnOpen(Http1Connection& connection) override {
    ++tally_.opened;
    if (connection.resumed()) ++tally_.resumed;
    if (reuse_ == Reuse::kHandshake) {
      Finish(connection);
    } else {
      connection.Send();
    }
  }

  void OnReply(Http1Connection& connection) override { Finish(connection); }

  void OnFailure(Http1Connection& connection, std::string_view reason) override {
    tally_.Error(reason);
    Next(connection);
  }

  void Finish(Http1Connection& connection) {
    ++tally_.done;
    tally_.latency.Add(Clock::now() - connection.due);
    if (reuse_ != Reuse::kConnection) connection.Close();
    Next(connection);
  }

  // Where everything fails there is no use in going on.
  void Next(Http1Connection& connection) {
    if (Clock::now() < until_ && tally_.errors < kTooManyErrors) {
      Begin(connection);
    } else {
      --under_way_;
    }
  }

  static constexpr uint64_t kTooManyErrors = 1000;

  Setting* setting_;
  Reuse reuse_;
  std::vector<std::unique_ptr<Http1Connection>> connections_;
  uint64_t next_number_ = 0;
  TimePoint until_;
  size_t under_way_ = 0;
};

}  // namespace

std::unique_ptr<Workload> MakeClosedLoop(Setting* setting, int connections, Reuse reuse) {
  return std::make_unique<ClosedLoop>(setting, connections, reuse);
}

}  // namespace sallyport::bench

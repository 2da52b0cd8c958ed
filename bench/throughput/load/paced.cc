#include <deque>

#include "bench/throughput/load/workload.h"

namespace sallyport::bench {
namespace {

class Paced final : public Workload, public Http1Connection::Owner {
 public:
  Paced(Setting* setting, int connections, double per_second)
      : setting_(setting),
        interval_(
            std::chrono::duration_cast<Duration>(std::chrono::duration<double>(1 / per_second))) {
    for (int i = 0; i < connections; ++i) {
      connections_.push_back(std::make_unique<Http1Connection>(
          &setting->loop, &setting->route, &setting->exchange, setting->request_head, this));
    }
  }

  void Run(TimePoint until) override {
    if (under_way_ == 0 && idle_.empty()) OpenAll();
    TimePoint due = Clock::now() + interval_;
    while (true) {
      const TimePoint now = Clock::now();
      for (; due <= now && due < until; due += interval_) waiting_.push_back(due);
      SendWaiting();
      const bool more_to_come = due < until;
      if (!more_to_come && under_way_ == 0) break;
      setting_->loop.Turn(more_to_come ? std::optional(due) : std::nullopt);
    }
  }

 private:
  void OpenAll() {
    under_way_ = connections_.size();
    for (size_t i = 0; i < connections_.size(); ++i) connections_[i]->Open(i);
    while (under_way_ > 0) setting_->loop.Turn(std::nullopt);
  }

  void SendWaiting() {
    while (!waiting_.empty() && !idle_.empty()) {
      Http1Connection* connection = idle_.back();
      idle_.pop_back();
      connection->due = waiting_.front();
      waiting_.pop_front();
      ++under_way_;
      connection->Send();
    }
  }

  void OnOpen(Http1Connection& connection) override {
    ++tally_.opened;
    if (connection.resumed()) ++tally_.resumed;
    --under_way_;
    idle_.push_back(&connection);
  }

  void OnReply(Http1Connection& connection) override {
    --under_way_;
    ++tally_.done;
    tally_.latency.Add(Clock::now() - connection.due);
    if (connection.is_open()) {
      idle_.push_back(&connection);
    } else {
      tally_.Error("the proxy closed a connection that was to stay");
    }
    SendWaiting();
  }

  // The connection stays away: the run counts for nothing anyway. Without any left, neither can
  // what waits be sent.
  void OnFailure(Http1Connection&, std::string_view reason) override {
    --under_way_;
    tally_.Error(reason);
    if (under_way_ == 0 && idle_.empty()) waiting_.clear();
  }

  Setting* setting_;
  Duration interval_;
  std::vector<std::unique_ptr<Http1Connection>> connections_;
  std::vector<Http1Connection*> idle_;
  std::deque<TimePoint> waiting_;
  size_t under_way_ = 0;
};

}  // namespace

std::unique_ptr<Workload> MakePaced(Setting* setting, int connections, double per_second) {
  return std::make_unique<Paced>(setting, connections, per_second);
}

}  // namespace sallyport::bench

#include "proxy/net/lingering_close.h"

#include <chrono>
#include <utility>

#include "proxy/net/timer.h"

namespace sallyport::net {
namespace {

constexpr std::chrono::minutes kLongestFlush(5);
constexpr std::chrono::seconds kLongestSilence(2);
constexpr std::chrono::seconds kLongestWait(30);

// Owned by its loop until the peer has ended, or time or bytes run out.
class Lingering final : public Retirable, private TransportListener {
 public:
  Lingering(TransportPtr transport, Patience patience)
      : loop_(transport->loop()),
        patience_(patience),
        transport_(std::move(transport)),
        timer_(&loop_, [this] { Finish(); }) {
    transport_->SetListener(this);
    for (PauseReason reason :
         {PauseReason::kBackpressure, PauseReason::kPipelining, PauseReason::kSetup}) {
      transport_->Resume(reason);
    }
    // Where our direction had ended before, nobody says so again.
    if (transport_->queued_bytes() == 0) {
      WaitForPeer();
    } else {
      timer_.Start(kLongestFlush);
    }
  }

  void Retire() override { transport_.reset(); }
  EventLoop& loop() override { return loop_; }

 private:
  void OnData(std::string_view) override {
    if (!flushed_) return;
    if (loop_.now_ms() >= end_by_) {
      Finish();
    } else {
      timer_.Start(kLongestSilence);
    }
  }
  void OnEnd(EndKind) override {
    if (flushed_) Finish();
  }
  void OnDrained() override {}
  void OnShutdownDone() override {
    if (transport_->read_ended() || patience_ == Patience::kFlushOnly) {
      Finish();
    } else if (!flushed_) {
      WaitForPeer();
    }
  }
  void OnError(TransportError, const std::string&) override { Finish(); }

  void WaitForPeer() {
    flushed_ = true;
    end_by_ =
        loop_.now_ms() + static_cast<uint64_t>(std::chrono::milliseconds(kLongestWait).count());
    timer_.Start(kLongestSilence);
  }

  void Finish() {
    if (transport_ == nullptr) return;
    timer_.Stop();
    loop_.Disown(this);
  }

  EventLoop& loop_;
  const Patience patience_;
  TransportPtr transport_;
  Timer timer_;
  uint64_t end_by_ = 0;  // in the loop's milliseconds
  bool flushed_ = false;
};

}  // namespace

void LingeringClose(TransportPtr transport, Patience patience) {
  if (transport->dead()) return;
  transport->Shutdown(EndKind::kClean);
  // The end of our direction is the only thing that may still have to leave, and the close sends
  // it.
  if (transport->queued_bytes() == 0 && transport->read_ended()) return;
  EventLoop& loop = transport->loop();
  loop.Own(RetirePtr<Retirable>(new Lingering(std::move(transport), patience)));
}

}  // namespace sallyport::net

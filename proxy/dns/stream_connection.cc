#include "proxy/dns/stream_connection.h"

#include <chrono>
#include <utility>

namespace sallyport::dns {
namespace {

constexpr std::chrono::seconds kIdleLimit(10);

}  // namespace

StreamConnection::StreamConnection(net::TransportPtr transport, Responder* responder,
                                   std::function<void(StreamConnection*)> on_over)
    : loop_(transport->loop()),
      transport_(std::move(transport)),
      responder_(responder),
      on_over_(std::move(on_over)),
      idle_(&loop_, [this] { Over(); }) {
  transport_->SetListener(this);
  idle_.Start(kIdleLimit);
}

void StreamConnection::Retire() {
  idle_.Stop();
  transport_.reset();
}

void StreamConnection::OnData(std::string_view bytes) {
  idle_.Start(kIdleLimit);
  bytes_.append(bytes);
  std::string_view rest = bytes_;
  while (rest.size() >= 2) {
    const size_t length =
        (static_cast<size_t>(static_cast<uint8_t>(rest[0])) << 8) | static_cast<uint8_t>(rest[1]);
    if (rest.size() - 2 < length) break;
    const std::string reply = responder_->Answer(rest.substr(2, length));
    rest.remove_prefix(2 + length);
    if (reply.empty()) continue;
    const char size[] = {static_cast<char>(reply.size() >> 8), static_cast<char>(reply.size())};
    transport_->Write(std::string_view(size, 2));
    if (transport_->Write(reply) == net::WriteResult::kBlocked) {
      transport_->Pause(net::PauseReason::kBackpressure);
    }
  }
  bytes_.erase(0, bytes_.size() - rest.size());
}

void StreamConnection::OnDrained() { transport_->Resume(net::PauseReason::kBackpressure); }

}  // namespace sallyport::dns

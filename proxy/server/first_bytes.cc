#include "proxy/server/first_bytes.h"

#include <utility>

namespace sallyport::proxy {

FirstBytes::FirstBytes(net::TransportPtr transport, std::string early,
                       std::chrono::milliseconds timeout, Owner* owner)
    : loop_(transport->loop()),
      transport_(std::move(transport)),
      bytes_(std::move(early)),
      owner_(owner),
      timer_(&loop_, [this] { owner_->OnNoFirstBytes(); }) {
  transport_->SetListener(this);
  timer_.Start(timeout);
  if (!bytes_.empty()) loop_.Schedule(this);
}

FirstBytes::~FirstBytes() = default;

void FirstBytes::OnData(std::string_view bytes) {
  bytes_.append(bytes);
  owner_->OnFirstBytes(bytes_);
}

void FirstBytes::Hold() {
  timer_.Stop();
  transport_->Pause(net::PauseReason::kSetup);
}

FirstBytes::Taken FirstBytes::Take() {
  timer_.Stop();
  loop_.Cancel(this);
  transport_->Resume(net::PauseReason::kSetup);
  return {std::move(transport_), std::move(bytes_)};
}

void FirstBytes::Retire() {
  timer_.Stop();
  loop_.Cancel(this);
  transport_.reset();
}

}  // namespace sallyport::proxy

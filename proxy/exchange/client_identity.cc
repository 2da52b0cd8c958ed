#include "proxy/exchange/client_identity.h"

#include <algorithm>
#include <utility>

namespace sallyport::proxy {

ProcessDesk::ProcessDesk(ProcessFinder* finder, net::Mailbox* mailbox)
    : finder_(finder), outlet_(std::make_shared<Outlet>()) {
  absl::MutexLock lock(&outlet_->mutex);
  outlet_->mailbox = mailbox;
}

ProcessDesk::~ProcessDesk() {
  absl::MutexLock lock(&outlet_->mutex);
  outlet_->mailbox = nullptr;
}

void ProcessDesk::Ask(const ConnectionEnds& ends, ProcessFinder::Done done) {
  finder_->Find(ends, [outlet = outlet_, done = std::move(done)](ClientProcess process) mutable {
    absl::MutexLock lock(&outlet->mutex);
    if (outlet->mailbox == nullptr) return;
    outlet->mailbox->Post([done = std::move(done), process = std::move(process)]() mutable {
      done(std::move(process));
    });
  });
}

ClientIdentity::~ClientIdentity() {
  if (asked_ != nullptr) *asked_ = nullptr;
}

void ClientIdentity::Await(Waiter* waiter) {
  waiters_.push_back(waiter);
  if (asked_ != nullptr) return;
  asked_ = std::make_shared<ClientIdentity*>(this);
  desk_->Ask(ends_, [asked = asked_](ClientProcess process) {
    if (*asked != nullptr) (*asked)->Take(std::move(process));
  });
}

void ClientIdentity::Cancel(Waiter* waiter) {
  const auto found = std::find(waiters_.begin(), waiters_.end(), waiter);
  if (found != waiters_.end()) waiters_.erase(found);
}

void ClientIdentity::Take(ClientProcess process) {
  process_ = std::move(process);
  known_ = true;
  // Each may end others that wait.
  while (!waiters_.empty()) {
    Waiter* waiter = waiters_.front();
    waiters_.erase(waiters_.begin());
    waiter->OnClientKnown();
  }
}

}  // namespace sallyport::proxy

#include "proxy/net/connector.h"

#include <fmt/core.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/unique_fd.h"
#include "proxy/net/stream_transport.h"
#include "proxy/net/uv_status.h"

namespace sallyport::net {
namespace {

// RFC 8305 §8: the recommended Connection Attempt Delay.
constexpr std::chrono::milliseconds kAttemptDelay(250);

// RFC 8305 §4: the resolver's order kept within a family, the families alternating.
std::vector<IpAddress> Interleave(std::vector<IpAddress> addresses) {
  const bool first_is_v4 = addresses.front().is_v4();
  const auto second = std::stable_partition(
      addresses.begin(), addresses.end(),
      [first_is_v4](const IpAddress& address) { return address.is_v4() == first_is_v4; });
  std::vector<IpAddress> result;
  auto a = addresses.begin();
  auto b = second;
  while (a != second || b != addresses.end()) {
    if (a != second) result.push_back(*a++);
    if (b != addresses.end()) result.push_back(*b++);
  }
  return result;
}

}  // namespace

// One connect(2) under way, watched for the socket becoming writable. Freed by its close callback.
struct Connector::Attempt {
  uv_poll_t handle;
  Connector* owner;
  IpAddress address;
  UniqueFd socket;

  // Stops watching. The socket may be moved out before.
  void Close() {
    owner = nullptr;
    uv_close(reinterpret_cast<uv_handle_t*>(&handle),
             [](uv_handle_t* closed) { delete static_cast<Attempt*>(closed->data); });
  }
};

Connector::Connector(EventLoop* loop, std::vector<IpAddress> addresses, uint16_t port,
                     std::chrono::milliseconds timeout, Listener* listener)
    : loop_(loop),
      addresses_(Interleave(std::move(addresses))),
      port_(port),
      listener_(listener),
      stagger_(loop,
               [this] {
                 if (next_ >= addresses_.size() && attempts_.empty()) {
                   GiveUp(false);
                 } else {
                   StartNext();
                 }
               }),
      timeout_(loop, [this] { GiveUp(true); }) {
  timeout_.Start(timeout);
  StartNext();
}

Connector::~Connector() = default;

void Connector::Retire() {
  listener_ = nullptr;
  stagger_.Stop();
  timeout_.Stop();
  for (Attempt* attempt : std::exchange(attempts_, {})) attempt->Close();
}

void Connector::StartNext() {
  while (next_ < addresses_.size()) {
    const IpAddress address = addresses_[next_++];
    sockaddr_storage storage;
    const socklen_t length = address.ToSockaddr(port_, &storage);
    UniqueFd fd(socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    int error = 0;
    if (!fd || (connect(fd.get(), reinterpret_cast<const sockaddr*>(&storage), length) != 0 &&
                errno != EINPROGRESS)) {
      error = errno;
    }
    if (error != 0) {
      last_failure_ = fmt::format("{}: {}", address.ToString(), std::strerror(error));
      continue;
    }
    auto* attempt = new Attempt{{}, this, address, std::move(fd)};
    CheckUv(uv_poll_init(loop_->uv(), &attempt->handle, attempt->socket.get()), "uv_poll_init");
    attempt->handle.data = attempt;
    attempts_.push_back(attempt);
    CheckUv(uv_poll_start(&attempt->handle, UV_WRITABLE,
                          [](uv_poll_t* handle, int, int) {
                            auto* done = static_cast<Attempt*>(handle->data);
                            if (done->owner != nullptr) done->owner->OnAttemptDone(done);
                          }),
            "uv_poll_start");
    if (next_ < addresses_.size()) stagger_.Start(kAttemptDelay);
    return;
  }
  FailIfExhausted();
}

void Connector::OnAttemptDone(Attempt* attempt) {
  // libuv reports every socket error as EBADF; the socket knows the real one.
  int error = 0;
  socklen_t length = sizeof(error);
  getsockopt(attempt->socket.get(), SOL_SOCKET, SO_ERROR, &error, &length);
  std::erase(attempts_, attempt);
  const IpAddress address = attempt->address;
  if (error != 0) {
    attempt->Close();
    last_failure_ = fmt::format("{}: {}", address.ToString(), std::strerror(error));
    StartNext();
    return;
  }
  // uv_close takes the descriptor out of the loop at once, so another handle may have it now.
  UniqueFd socket = std::move(attempt->socket);
  attempt->Close();
  Listener* listener = listener_;
  Retire();
  listener->OnConnected(
      TransportPtr(new StreamTransport(loop_, StreamKind::kTcp, std::move(socket))), address);
}

void Connector::FailIfExhausted() {
  if (next_ < addresses_.size() || !attempts_.empty()) return;
  // From the loop, not from inside the constructor, when the last address failed at once.
  timeout_.Stop();
  stagger_.Start(std::chrono::milliseconds(0));
  if (last_failure_.empty()) last_failure_ = "no address left";
}

void Connector::GiveUp(bool timed_out) {
  Listener* listener = listener_;
  Retire();
  listener->OnConnectFailed(timed_out, timed_out ? "no answer in time" : last_failure_);
}

}  // namespace sallyport::net

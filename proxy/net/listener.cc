#include "proxy/net/listener.h"

#include <fmt/core.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/log.h"
#include "base/status.h"
#include "proxy/net/uv_status.h"

namespace sallyport::net {
namespace {

// As nginx's default; the kernel caps it at net.core.somaxconn.
constexpr int kBacklog = 511;
// Connections taken in one turn, so that a storm does not starve those that are open already.
constexpr int kAcceptsPerTurn = 64;
constexpr std::chrono::milliseconds kRetryAfter(100);

absl::Status BindError(int error, const std::string& where) {
  std::string hint;
  if (error == EADDRINUSE) hint = "; another program listens there: choose another port, or port 0";
  if (error == EACCES) hint = "; ports below 1024 need privileges: choose a higher one";
  if (error == EADDRNOTAVAIL) hint = "; no interface of this machine has that address";
  return ErrnoStatus(error, fmt::format("cannot listen on {}{}", where, hint));
}

Endpoint EndpointOf(const sockaddr_storage& storage) {
  const std::optional<IpAddress> address =
      IpAddress::FromSockaddr(reinterpret_cast<const sockaddr*>(&storage));
  if (!address.has_value()) return {};
  const uint16_t port = storage.ss_family == AF_INET
                            ? reinterpret_cast<const sockaddr_in*>(&storage)->sin_port
                            : reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_port;
  return {address->Unmapped(), ntohs(port)};
}

std::string PeerText(const sockaddr_storage& peer) {
  const auto* address = reinterpret_cast<const sockaddr*>(&peer);
  const std::optional<IpAddress> ip = IpAddress::FromSockaddr(address);
  if (!ip.has_value()) return "unix";
  const uint16_t port = address->sa_family == AF_INET
                            ? reinterpret_cast<const sockaddr_in*>(address)->sin_port
                            : reinterpret_cast<const sockaddr_in6*>(address)->sin6_port;
  return FormatHostPort(ip->ToString(), ntohs(port));
}

// Whether a unix socket file is left over from a program that has ended.
bool IsStaleSocket(const sockaddr_un& address) {
  struct stat info = {};
  if (lstat(address.sun_path, &info) != 0 || !S_ISSOCK(info.st_mode)) return false;
  const UniqueFd probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  return connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 &&
         errno == ECONNREFUSED;
}

}  // namespace

absl::StatusOr<UniqueFd> ListenTcp(const IpAddress& address, uint16_t port) {
  const std::string where = FormatHostPort(address.ToString(), port);
  sockaddr_storage storage;
  const socklen_t length = address.ToSockaddr(port, &storage);
  UniqueFd fd(socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return ErrnoStatus(errno, fmt::format("cannot make a socket for {}", where));
  const int on = 1;
  // A restart must not wait for the old connections' TIME_WAIT.
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&storage), length) != 0 ||
      listen(fd.get(), kBacklog) != 0) {
    return BindError(errno, where);
  }
  return fd;
}

absl::StatusOr<UniqueFd> ListenUnix(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(
        fmt::format("cannot listen on unix:{}: a socket's path has 1 to {} bytes", path,
                    sizeof(address.sun_path) - 1));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  if (IsStaleSocket(address)) unlink(address.sun_path);
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return ErrnoStatus(errno, "cannot make a unix socket");
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    const int error = errno;
    return ErrnoStatus(error, fmt::format("cannot listen on unix:{}{}", path,
                                          error == EADDRINUSE ? "; the file exists" : ""));
  }
  // Nobody can connect before listen(2), so there is no moment with a wider mode.
  if (chmod(address.sun_path, 0600) != 0 || listen(fd.get(), kBacklog) != 0) {
    const int error = errno;
    unlink(address.sun_path);
    return ErrnoStatus(error, fmt::format("cannot listen on unix:{}", path));
  }
  return fd;
}

Endpoint LocalAddress(int fd) {
  sockaddr_storage storage = {};
  socklen_t length = sizeof(storage);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return {};
  return EndpointOf(storage);
}

Endpoint PeerAddress(int fd) {
  sockaddr_storage storage = {};
  socklen_t length = sizeof(storage);
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return {};
  return EndpointOf(storage);
}

uint16_t LocalPort(int fd) { return LocalAddress(fd).port; }

struct Listener::Box {
  uv_poll_t handle;
  Listener* owner;
};

Listener::Listener(EventLoop* loop, int socket,
                   std::function<void(UniqueFd, std::string)> on_accept)
    : socket_(socket),
      on_accept_(std::move(on_accept)),
      retry_(loop, [this] { Resume(); }),
      box_(new Box) {
  CheckUv(uv_poll_init(loop->uv(), &box_->handle, socket), "uv_poll_init");
  box_->handle.data = box_;
  box_->owner = this;
  paused_ = true;
  Resume();
}

Listener::~Listener() {
  box_->owner = nullptr;
  uv_close(reinterpret_cast<uv_handle_t*>(&box_->handle),
           [](uv_handle_t* handle) { delete static_cast<Box*>(handle->data); });
}

void Listener::Pause() {
  if (paused_) return;
  paused_ = true;
  uv_poll_stop(&box_->handle);
}

void Listener::Resume() {
  if (!paused_) return;
  paused_ = false;
  uv_poll_start(&box_->handle, UV_READABLE, [](uv_poll_t* handle, int, int) {
    Listener* owner = static_cast<Box*>(handle->data)->owner;
    if (owner != nullptr) owner->OnReadable();
  });
}

void Listener::OnReadable() {
  for (int i = 0; i < kAcceptsPerTurn && !paused_; ++i) {
    sockaddr_storage peer = {};
    socklen_t length = sizeof(peer);
    UniqueFd connection(accept4(socket_, reinterpret_cast<sockaddr*>(&peer), &length,
                                SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (connection) {
      exhausted_ = false;
      on_accept_(std::move(connection), PeerText(peer));
      continue;
    }
    const int error = errno;
    if (error == EAGAIN) return;
    // accept(2): errors of the new connection are to be treated like EAGAIN.
    if (error != EMFILE && error != ENFILE && error != ENOBUFS && error != ENOMEM) continue;
    if (!std::exchange(exhausted_, true)) {
      log::Warn("net", "cannot accept connections for the moment; they wait",
                {{"reason", std::strerror(error)}});
    }
    Pause();
    retry_.Start(kRetryAfter);
    return;
  }
}

}  // namespace sallyport::net

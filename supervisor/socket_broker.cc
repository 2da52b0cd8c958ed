#include "supervisor/socket_broker.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>

namespace sallyport::supervisor {
namespace {

// <linux/seccomp.h> of kernel 5.14: the call returns the descriptor that was added.
constexpr uint32_t kAddAndReturn = 1u << 1;
constexpr char kLoopback[] = "lo";

// The socket that was asked for, or -errno.
int MakeSocket(const seccomp_data& call) {
  const auto family = static_cast<int>(call.args[0]);
  const auto type = static_cast<int>(call.args[1]);
  const auto protocol = static_cast<int>(call.args[2]);
  // MPTCP, SCTP and the like are streams too, and Landlock knows nothing of them.
  if (protocol != 0 && protocol != IPPROTO_TCP) return -EPERM;
  const int fd = socket(family, type | SOCK_CLOEXEC, IPPROTO_TCP);
  if (fd < 0) return -errno;
  if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, kLoopback, sizeof(kLoopback)) != 0) {
    const int error = errno;
    close(fd);
    return -error;
  }
  return fd;
}

}  // namespace

void SocketBroker::Answer() {
  seccomp_notif request = {};
  // ENOENT: who asked has been interrupted or is gone.
  if (ioctl(requests_.get(), SECCOMP_IOCTL_NOTIF_RECV, &request) != 0) return;
  const int made = MakeSocket(request.data);
  const UniqueFd socket(made < 0 ? -1 : made);
  if (made >= 0) {
    seccomp_notif_addfd added = {};
    added.id = request.id;
    added.flags = kAddAndReturn;
    added.srcfd = static_cast<uint32_t>(made);
    const auto type = static_cast<int>(request.data.args[1]);
    added.newfd_flags = (type & SOCK_CLOEXEC) != 0 ? O_CLOEXEC : 0;
    if (ioctl(requests_.get(), SECCOMP_IOCTL_NOTIF_ADDFD, &added) >= 0) return;
  }
  seccomp_notif_resp refusal = {};
  refusal.id = request.id;
  refusal.error = made < 0 ? made : -EMFILE;
  (void)ioctl(requests_.get(), SECCOMP_IOCTL_NOTIF_SEND, &refusal);
}

}  // namespace sallyport::supervisor

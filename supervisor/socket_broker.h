#ifndef SALLYPORT_SUPERVISOR_SOCKET_BROKER_H_
#define SALLYPORT_SUPERVISOR_SOCKET_BROKER_H_

#include "base/unique_fd.h"

namespace sallyport::supervisor {

// Makes TCP sockets for a command whose socket(2) the kernel hands over (seccomp_unotify(2)), where
// the network is the host's own. Each is bound to the loopback device before the command gets it,
// which nothing without CAP_NET_RAW can undo (socket(7), SO_BINDTODEVICE): a rule of Landlock's
// names a port and no address, and would let the command reach that port of any host.
class SocketBroker {
 public:
  explicit SocketBroker(UniqueFd requests) : requests_(std::move(requests)) {}

  // Answers one request; call it when fd() is readable.
  void Answer();

  int fd() const { return requests_.get(); }

 private:
  UniqueFd requests_;
};

}  // namespace sallyport::supervisor

#endif  // SALLYPORT_SUPERVISOR_SOCKET_BROKER_H_

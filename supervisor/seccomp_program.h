#ifndef SALLYPORT_SUPERVISOR_SECCOMP_PROGRAM_H_
#define SALLYPORT_SUPERVISOR_SECCOMP_PROGRAM_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace sallyport::supervisor {

enum class SocketPolicy {
  // Unix, IPv4 and IPv6 streams and datagrams, and routing netlink: for a network namespace of the
  // child's own.
  kFamilies,
  // For a network that is the host's own: IPv4 and IPv6 streams alone, each of them made by the
  // supervisor (seccomp_unotify(2)), which binds it to the loopback device; nobody can listen.
  kBrokeredTcp,
};

// The child's system call filter as the bytes of an array of struct sock_filter (seccomp(2)).
//
// What reaches into another process, the kernel or another namespace gets EPERM, as do sockets that
// `sockets` does not grant; clone3 gets ENOSYS, since its flags lie in memory that a filter cannot
// read, and the C library then uses clone. System calls of another architecture, 32-bit and x32
// ones above all, get EPERM: a list of numbers means something else there.
absl::StatusOr<std::string> MakeSeccompProgram(SocketPolicy sockets);

// Whether the kernel takes filters at all.
bool HasSeccompFilters();

}  // namespace sallyport::supervisor

#endif  // SALLYPORT_SUPERVISOR_SECCOMP_PROGRAM_H_

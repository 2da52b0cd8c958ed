#ifndef SALLYPORT_SUPERVISOR_NAMESPACES_H_
#define SALLYPORT_SUPERVISOR_NAMESPACES_H_

#include "absl/status/statusor.h"

namespace sallyport::supervisor {

// Moves this process, which must have one thread, into a user namespace with the ids it has now:
// every id of its own namespace if it may map them (root), otherwise the one user and group. In
// there it has every capability; what it owns outside it keeps. Afterwards it is not dumpable.
absl::Status EnterUserNamespace();

// Moves this process into fresh network, IPC and host name namespaces. Needs CAP_SYS_ADMIN in its
// user namespace.
absl::Status EnterNetworkNamespace();

}  // namespace sallyport::supervisor

#endif  // SALLYPORT_SUPERVISOR_NAMESPACES_H_

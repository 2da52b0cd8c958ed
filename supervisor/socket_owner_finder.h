#ifndef SALLYPORT_SUPERVISOR_SOCKET_OWNER_FINDER_H_
#define SALLYPORT_SUPERVISOR_SOCKET_OWNER_FINDER_H_

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "base/unique_fd.h"
#include "proxy/exchange/client_identity.h"
#include "supervisor/known_executables.h"
#include "supervisor/sandbox_processes.h"
#include "supervisor/socket_table.h"

namespace sallyport::supervisor {

// Where the processes of a sandbox, and their sockets, are found.
struct SandboxAccess {
  // What SocketTable::Open gave in the sandbox's network. Without it nobody is found.
  UniqueFd sockets;
  // The root of a procfs, and, in there, our process above those of the sandbox.
  UniqueFd proc;
  pid_t root = 0;
  // Where the sandbox's paths start; without it, where each process's own do: right only where none
  // may change that.
  UniqueFd paths;
};

// Tells whose a connection is: the socket by its ends, the processes by the socket, and what they
// run. One thread does all of it, from the first question on. Questions that come while it is at
// work are answered together, by one look at the processes, so that many connections of many
// processes cost little more than one. What a process runs is looked up anew each time, since it
// may run another program the next moment; what is remembered are the executables.
class SocketOwnerFinder final : public proxy::ProcessFinder {
 public:
  explicit SocketOwnerFinder(SandboxAccess sandbox);
  // Questions that are open then are not answered.
  ~SocketOwnerFinder() override;

  void Find(const proxy::ConnectionEnds& ends, Done done) override;

 private:
  struct Question {
    proxy::ConnectionEnds ends;
    Done done;
    proxy::ClientProcess answer = {};
    ino_t socket = 0;
  };

  void Run();
  void Answer(std::vector<Question>* questions);
  void FindSockets(std::vector<Question>* questions);
  SandboxProcesses::Holders FindHolders(const std::vector<Question>& questions);
  void Identify(const SandboxProcesses::Holders& holders, Question* question);

  SocketTable sockets_;
  SandboxProcesses processes_;
  const UniqueFd paths_;
  std::atomic<bool> stopping_ = false;
  KnownExecutables executables_;
  absl::Mutex mutex_;
  absl::CondVar changed_;
  std::vector<Question> waiting_ ABSL_GUARDED_BY(mutex_);
  // Started by the first question.
  std::thread thread_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sallyport::supervisor

#endif  // SALLYPORT_SUPERVISOR_SOCKET_OWNER_FINDER_H_

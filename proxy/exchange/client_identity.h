#ifndef SALLYPORT_PROXY_EXCHANGE_CLIENT_IDENTITY_H_
#define SALLYPORT_PROXY_EXCHANGE_CLIENT_IDENTITY_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/inlined_vector.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"
#include "proxy/net/listener.h"
#include "proxy/net/mailbox.h"

namespace sallyport::proxy {

// Both ends of a client's connection, as its client and the proxy have them.
struct ConnectionEnds {
  net::Endpoint client;
  net::Endpoint proxy;
};

// The processes at a client's end of a connection.
struct ClientProcess {
  // One of them, by its number in the sandbox; 0 where none was found.
  pid_t pid = 0;
  // The executables of all of them, each once; empty where one could not be told.
  std::vector<std::string> binaries;
  // Then: why, in a sentence's second half, and what to do about it.
  std::string problem;
  std::string remedy;
};

// Finds the processes that hold connections. Thread-safe; outlives everything that asks it.
class ProcessFinder {
 public:
  using Done = absl::AnyInvocable<void(ClientProcess)>;

  virtual ~ProcessFinder() = default;
  // Does not block. `done` runs on a thread of the finder's, unless the finder ends before.
  virtual void Find(const ConnectionEnds& ends, Done done) = 0;
};

// Brings a finder's answers to one event loop.
class ProcessDesk {
 public:
  // Made and destroyed where `mailbox` may be; `finder` and `mailbox` outlive it.
  ProcessDesk(ProcessFinder* finder, net::Mailbox* mailbox);
  // Answers that come later are dropped.
  ~ProcessDesk();
  ProcessDesk(const ProcessDesk&) = delete;
  ProcessDesk& operator=(const ProcessDesk&) = delete;

  // `done` runs on the loop, never inside this call.
  void Ask(const ConnectionEnds& ends, ProcessFinder::Done done);

 private:
  struct Outlet {
    absl::Mutex mutex;
    net::Mailbox* mailbox ABSL_GUARDED_BY(mutex) = nullptr;  // null: closed
  };

  ProcessFinder* finder_;
  std::shared_ptr<Outlet> outlet_;
};

// Who is at the other end of one connection: asked when somebody has to know, and then remembered
// for as long as the connection lives. Belongs to a connection and its loop.
class ClientIdentity {
 public:
  class Waiter {
   public:
    // The client is known now, or it is known that it cannot be. Never runs inside Await.
    virtual void OnClientKnown() = 0;

   protected:
    ~Waiter() = default;
  };

  // `desk` outlives it.
  ClientIdentity(ProcessDesk* desk, ConnectionEnds ends) : desk_(desk), ends_(ends) {}
  ~ClientIdentity();
  ClientIdentity(const ClientIdentity&) = delete;
  ClientIdentity& operator=(const ClientIdentity&) = delete;

  bool known() const { return known_; }
  // Empty until it is known.
  const ClientProcess& process() const { return process_; }

  // Only while it is not known.
  void Await(Waiter* waiter);
  // The waiter is told nothing any more; harmless where it does not wait.
  void Cancel(Waiter* waiter);

 private:
  void Take(ClientProcess process);

  ProcessDesk* desk_;
  const ConnectionEnds ends_;
  bool known_ = false;
  ClientProcess process_;
  absl::InlinedVector<Waiter*, 1> waiters_;
  // What the answer goes to: this object, while it lives. Null before anybody asked.
  std::shared_ptr<ClientIdentity*> asked_;
};

}  // namespace sallyport::proxy

#endif  // SALLYPORT_PROXY_EXCHANGE_CLIENT_IDENTITY_H_

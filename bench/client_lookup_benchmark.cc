// What it costs to be told whose a connection is, from the question to the answer on another
// thread, in a sandbox of 1 process, of 10 and of 2,000; and for 50 connections at once.

#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <future>
#include <iostream>

#include "proxy/net/listener.h"
#include "supervisor/socket_owner_finder.h"

namespace sallyport::supervisor {
namespace {

struct Connection {
  Connection() {
    const UniqueFd listener = *net::ListenTcp(*IpAddress::Parse("127.0.0.1"), 0);
    sockaddr_storage storage;
    const socklen_t size =
        IpAddress::Parse("127.0.0.1")->ToSockaddr(net::LocalPort(listener.get()), &storage);
    client.Reset(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (connect(client.get(), reinterpret_cast<const sockaddr*>(&storage), size) != 0) std::abort();
    server.Reset(accept(listener.get(), nullptr, nullptr));
  }
  proxy::ConnectionEnds ends() const {
    return {net::PeerAddress(server.get()), net::LocalAddress(server.get())};
  }

  UniqueFd client;
  UniqueFd server;
};

// So many children of this process, which have the descriptors that it has now.
class Children {
 public:
  explicit Children(int64_t count) {
    for (int64_t i = 0; i < count; ++i) {
      const pid_t child = fork();
      if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        while (true) pause();
      }
      pids_.push_back(child);
    }
  }
  ~Children() {
    for (const pid_t child : pids_) kill(child, SIGKILL);
    for (const pid_t child : pids_) waitpid(child, nullptr, 0);
  }
  Children(const Children&) = delete;
  Children& operator=(const Children&) = delete;

 private:
  std::vector<pid_t> pids_;
};

SandboxAccess AccessToChildren() {
  SandboxAccess access;
  access.sockets = *SocketTable::Open();
  access.proc.Reset(open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  access.root = getpid();
  access.paths.Reset(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  return access;
}

void BM_Lookup(benchmark::State& state) {
  const Children others(state.range(0) - 1);
  const std::vector<Connection> connections(static_cast<size_t>(state.range(1)));
  const Children holder(1);
  SocketOwnerFinder finder(AccessToChildren());
  const auto ask_for_all = [&] {
    std::atomic<size_t> left = connections.size();
    std::promise<void> done;
    for (const Connection& connection : connections) {
      finder.Find(connection.ends(), [&](const proxy::ClientProcess& process) {
        if (process.binaries.empty()) {
          std::cerr << process.problem << "\n";
          std::abort();
        }
        if (--left == 0) done.set_value();
      });
    }
    done.get_future().wait();
  };
  ask_for_all();  // hashes the executable
  for (auto _ : state) ask_for_all();
}
BENCHMARK(BM_Lookup)
    ->ArgNames({"processes", "connections"})
    ->Args({1, 1})
    ->Args({10, 1})
    ->Args({2000, 1})
    ->Args({2000, 50})
    ->UseRealTime()
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace sallyport::supervisor

#include "supervisor/socket_owner_finder.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <pthread.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

#include "base/status.h"

namespace sallyport::supervisor {
namespace {

// A process that begins or ends can be looked into a moment later.
constexpr int kLooks = 4;
constexpr int kBetweenLooksMs = 2;

constexpr std::string_view kStartAgain =
    "if the change was meant, start sallyport again: then the file is taken as it is";

void Fail(std::string problem, std::string_view remedy, proxy::ClientProcess* answer) {
  answer->binaries.clear();
  answer->problem = std::move(problem);
  answer->remedy = remedy;
}

std::string_view RemedyFor(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kFailedPrecondition:
      return kStartAgain;
    case absl::StatusCode::kUnavailable:
      return "sallyport has to be able to read the executable: make it readable to whoever "
             "started sallyport";
    default:
      return "the program has to stay until its request is answered; one that forbids to be "
             "looked into (prctl, PR_SET_DUMPABLE) can be told by a sallyport that root started";
  }
}

}  // namespace

SocketOwnerFinder::SocketOwnerFinder(SandboxAccess sandbox)
    : sockets_(std::move(sandbox.sockets)),
      processes_(std::move(sandbox.proc), sandbox.root),
      paths_(std::move(sandbox.paths)),
      executables_(&stopping_) {}

SocketOwnerFinder::~SocketOwnerFinder() {
  std::thread thread;
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.Signal();
    thread.swap(thread_);
  }
  if (thread.joinable()) thread.join();
}

void SocketOwnerFinder::Find(const proxy::ConnectionEnds& ends, Done done) {
  absl::MutexLock lock(&mutex_);
  waiting_.push_back({.ends = ends, .done = std::move(done)});
  changed_.Signal();
  if (thread_.joinable()) return;
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "processes");
    Run();
  });
}

void SocketOwnerFinder::Run() {
  while (true) {
    std::vector<Question> questions;
    {
      absl::MutexLock lock(&mutex_);
      while (!stopping_ && waiting_.empty()) changed_.Wait(&mutex_);
      if (stopping_) return;
      questions.swap(waiting_);
    }
    Answer(&questions);
    for (Question& question : questions) question.done(std::move(question.answer));
  }
}

void SocketOwnerFinder::Answer(std::vector<Question>* questions) {
  FindSockets(questions);
  const SandboxProcesses::Holders holders = FindHolders(*questions);
  for (Question& question : *questions) {
    if (question.socket != 0) Identify(holders, &question);
  }
}

void SocketOwnerFinder::FindSockets(std::vector<Question>* questions) {
  for (Question& question : *questions) {
    const absl::StatusOr<ino_t> socket = sockets_.ClientSocket(question.ends);
    if (!socket.ok()) {
      Fail(std::string(Message(socket.status())),
           "the kernel needs CONFIG_INET_DIAG, and permission to ask it; without that take the "
           "list out of the policy",
           &question.answer);
      continue;
    }
    question.socket = *socket;
    if (*socket != 0) continue;
    Fail("nobody has this connection's other end open any more",
         "the program has to stay until its request is answered", &question.answer);
  }
}

SandboxProcesses::Holders SocketOwnerFinder::FindHolders(const std::vector<Question>& questions) {
  absl::flat_hash_set<ino_t> sockets;
  for (const Question& question : questions) {
    if (question.socket != 0) sockets.insert(question.socket);
  }
  SandboxProcesses::Holders holders;
  if (sockets.empty()) return holders;
  for (int looks = 1;; ++looks) {
    holders = processes_.Find(sockets);
    if (holders.hidden == 0 || looks == kLooks) return holders;
    (void)poll(nullptr, 0, kBetweenLooksMs);
  }
}

void SocketOwnerFinder::Identify(const SandboxProcesses::Holders& holders, Question* question) {
  proxy::ClientProcess& answer = question->answer;
  for (const SandboxProcesses::Holder& holder : holders.found) {
    if (holder.socket != question->socket) continue;
    if (answer.pid == 0) answer.pid = holder.pid;
    const int process = holder.folder.get();
    UniqueFd root;
    if (!paths_) root.Reset(openat(process, "root", O_PATH | O_DIRECTORY | O_CLOEXEC));
    absl::StatusOr<std::string> binary =
        executables_.Identify(process, paths_ ? paths_.get() : root.get());
    if (!binary.ok()) {
      Fail(fmt::format("process {}, which has the connection open, cannot be told: {}", holder.pid,
                       Message(binary.status())),
           RemedyFor(binary.status()), &answer);
      return;
    }
    if (std::ranges::find(answer.binaries, *binary) == answer.binaries.end()) {
      answer.binaries.push_back(*std::move(binary));
    }
  }
  if (!holders.complete) {
    Fail("not all processes of the sandbox could be looked at, for want of time or of open files",
         "have the program run fewer at a time, or raise sallyport's limit of open files (ulimit "
         "-n)",
         &answer);
  } else if (holders.hidden != 0) {
    Fail(
        fmt::format("process {} cannot be looked into, and may share the connection",
                    holders.hidden),
        "end that process, or have root start sallyport: some programs forbid that others of their "
        "user look into them",
        &answer);
  } else if (answer.binaries.empty()) {
    Fail("no process of the sandbox has this connection open",
         "the program has to keep its connections itself, in descriptors that its first thread "
         "shares",
         &answer);
  }
}

}  // namespace sallyport::supervisor

#include "supervisor/process_setup.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>

#include "base/status.h"

namespace sallyport::supervisor {

absl::StatusOr<SignalReader> SignalReader::Block(std::initializer_list<int> signals) {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : signals) sigaddset(&set, signal);
  if (const int error = pthread_sigmask(SIG_BLOCK, &set, nullptr); error != 0) {
    return ErrnoStatus(error, "cannot block signals");
  }
  SignalReader reader(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!reader.fd_) return ErrnoStatus(errno, "cannot receive signals");
  return reader;
}

std::optional<signalfd_siginfo> SignalReader::Next() {
  signalfd_siginfo info = {};
  if (read(fd_.get(), &info, sizeof(info)) != sizeof(info)) return std::nullopt;
  return info;
}

void EnsureStandardDescriptors() {
  // open(2) takes the lowest free number, so that closed ones fill up in order.
  int fd = 0;
  do {
    fd = open("/dev/null", O_RDWR);
  } while (fd >= 0 && fd <= STDERR_FILENO);
  if (fd > STDERR_FILENO) close(fd);
}

void PrepareForConnections() {
  signal(SIGPIPE, SIG_IGN);
  rlimit files = {};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  // It may be refused by a policy of the system's; then the limit stays as it was.
  (void)setrlimit(RLIMIT_NOFILE, &files);
}

}  // namespace sallyport::supervisor

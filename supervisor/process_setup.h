#ifndef SALLYPORT_SUPERVISOR_PROCESS_SETUP_H_
#define SALLYPORT_SUPERVISOR_PROCESS_SETUP_H_

#include <sys/signalfd.h>

#include <initializer_list>
#include <optional>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace sallyport::supervisor {

// Signals as something to read, on one thread. While it exists they reach no other one.
class SignalReader {
 public:
  // Blocks `signals` in this thread and in every thread it starts from now on.
  static absl::StatusOr<SignalReader> Block(std::initializer_list<int> signals);

  // The next one that has come; does not wait.
  std::optional<signalfd_siginfo> Next();
  // Readable when Next has one.
  int fd() const { return fd_.get(); }

 private:
  explicit SignalReader(int fd) : fd_(fd) {}

  UniqueFd fd_;
};

// Opens /dev/null in the place of standard input, output or error where one is closed, so that no
// socket takes its number and is written to by mistake.
void EnsureStandardDescriptors();

// What every connection needs: a soft limit of open files as high as the hard one, and a peer that
// hangs up is an error of write(2), not a SIGPIPE.
void PrepareForConnections();

}  // namespace sallyport::supervisor

#endif  // SALLYPORT_SUPERVISOR_PROCESS_SETUP_H_

#ifndef SALLYPORT_SUPERVISOR_CHANNEL_H_
#define SALLYPORT_SUPERVISOR_CHANNEL_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace sallyport::supervisor {

// One message between the supervisor and the process that forks for it: what it is, and fields.
struct ForkMessage {
  enum class Kind : uint8_t {
    // To the forker.
    kSpawn,    // a ChildPlan
    kSignal,   // the number of a signal for the child
    kIsolate,  // an IsolationRequest
    // From the forker.
    kSpawned,        // the child's process id
    kSpawnFailed,    // the SpawnStep that failed, errno, and maybe words for it
    kStopped,        // the signal that stopped the child
    kExited,         // the wait status; how many processes could not be ended
    kIsolated,       // an IsolationResult; its sockets follow
    kIsolateFailed,  // why
  };

  Kind kind = Kind::kSignal;
  std::vector<std::string> fields;
};

// One end of a pair of connected stream sockets that carries whole messages of any size. Used by
// one thread at a time.
class Channel {
 public:
  // Both ends, closed on exec.
  static absl::StatusOr<std::pair<Channel, Channel>> MakePair();

  // Blocks until the message is on its way. Fails when the other end is closed.
  absl::Status Send(const ForkMessage& message);
  // Blocks for a whole message; NotFound when the other end was closed.
  absl::StatusOr<ForkMessage> Receive();

  // Passes descriptors, at most 200, between two messages; the other end calls ReceiveDescriptors
  // at the same point.
  absl::Status SendDescriptors(const std::vector<int>& descriptors);
  // Blocks for exactly `count`; they are closed on exec.
  absl::StatusOr<std::vector<UniqueFd>> ReceiveDescriptors(size_t count);

  // Readable when Receive has something to do.
  int fd() const { return socket_.get(); }

 private:
  explicit Channel(int fd) : socket_(fd) {}

  UniqueFd socket_;
};

// The decimal number in a field; nothing if it is none.
std::optional<int> FieldNumber(const ForkMessage& message, size_t index);

}  // namespace sallyport::supervisor

#endif  // SALLYPORT_SUPERVISOR_CHANNEL_H_

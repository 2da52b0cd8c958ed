#include "supervisor/channel.h"

#include <sys/socket.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "base/status.h"

namespace sallyport::supervisor {
namespace {

// Both ends are this program, so that lengths are in its own byte order: the length of all that
// follows, the kind, then each field with its length before it.
using Length = uint32_t;
// Linux gives a program at most 6 MiB of arguments and environment (execve(2)), and so do we.
constexpr Length kMaxMessage = Length{16} * 1024 * 1024;

void AppendLength(std::string* bytes, size_t length) {
  const auto value = static_cast<Length>(length);
  bytes->append(reinterpret_cast<const char*>(&value), sizeof(value));
}

// Takes a length off the front; nothing if there is none or less than that remains.
std::optional<Length> TakeLength(std::string_view* bytes) {
  Length value = 0;
  if (bytes->size() < sizeof(value)) return std::nullopt;
  std::memcpy(&value, bytes->data(), sizeof(value));
  bytes->remove_prefix(sizeof(value));
  if (value > bytes->size()) return std::nullopt;
  return value;
}

// Reads exactly `size` bytes; false when the other end was closed or the socket failed.
bool ReadFully(int fd, char* bytes, size_t size) {
  while (size > 0) {
    const ssize_t part = recv(fd, bytes, size, 0);
    if (part < 0 && errno == EINTR) continue;
    if (part <= 0) return false;
    bytes += part;
    size -= static_cast<size_t>(part);
  }
  return true;
}

}  // namespace

absl::StatusOr<std::pair<Channel, Channel>> Channel::MakePair() {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) {
    return ErrnoStatus(errno, "cannot make a socket pair");
  }
  return std::pair(Channel(fds[0]), Channel(fds[1]));
}

absl::Status Channel::Send(const ForkMessage& message) {
  std::string body(1, static_cast<char>(message.kind));
  for (const std::string& field : message.fields) {
    AppendLength(&body, field.size());
    body.append(field);
  }
  if (body.size() > kMaxMessage) {
    return absl::ResourceExhaustedError("the command and its environment are too large");
  }
  std::string bytes;
  AppendLength(&bytes, body.size());
  bytes.append(body);
  std::string_view rest = bytes;
  while (!rest.empty()) {
    // A closed other end is an error to report, not a SIGPIPE.
    const ssize_t part = send(socket_.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (part < 0 && errno == EINTR) continue;
    if (part < 0) return ErrnoStatus(errno, "the process that starts the command is gone");
    rest.remove_prefix(static_cast<size_t>(part));
  }
  return absl::OkStatus();
}

absl::StatusOr<ForkMessage> Channel::Receive() {
  const absl::Status closed = absl::NotFoundError("the process that starts the command is gone");
  Length size = 0;
  if (!ReadFully(socket_.get(), reinterpret_cast<char*>(&size), sizeof(size))) return closed;
  if (size == 0 || size > kMaxMessage) return absl::InternalError("a message has no sound length");
  std::string bytes(size, '\0');
  if (!ReadFully(socket_.get(), bytes.data(), bytes.size())) return closed;
  struct ForkMessage message;
  message.kind = static_cast<ForkMessage::Kind>(bytes[0]);
  std::string_view rest = std::string_view(bytes).substr(1);
  while (!rest.empty()) {
    const std::optional<Length> length = TakeLength(&rest);
    if (!length.has_value()) return absl::InternalError("a message is cut short");
    message.fields.emplace_back(rest.substr(0, *length));
    rest.remove_prefix(*length);
  }
  return message;
}

absl::Status Channel::SendDescriptors(const std::vector<int>& descriptors) {
  const size_t size = descriptors.size() * sizeof(int);
  std::vector<char> control(CMSG_SPACE(size));
  char byte = 0;
  iovec data = {&byte, 1};
  msghdr message = {};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(size);
  std::memcpy(CMSG_DATA(header), descriptors.data(), size);
  while (sendmsg(socket_.get(), &message, MSG_NOSIGNAL) != 1) {
    if (errno != EINTR) return ErrnoStatus(errno, "cannot pass descriptors on");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<UniqueFd>> Channel::ReceiveDescriptors(size_t count) {
  const size_t size = count * sizeof(int);
  std::vector<char> control(CMSG_SPACE(size));
  char byte = 0;
  iovec data = {&byte, 1};
  msghdr message = {};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t received = -1;
  do {
    received = recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC);
  } while (received < 0 && errno == EINTR);
  const cmsghdr* header = received == 1 ? CMSG_FIRSTHDR(&message) : nullptr;
  if (header == nullptr || header->cmsg_type != SCM_RIGHTS || header->cmsg_len != CMSG_LEN(size)) {
    return absl::InternalError("descriptors were expected and did not come");
  }
  std::vector<UniqueFd> descriptors;
  for (size_t i = 0; i < count; ++i) {
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
    descriptors.emplace_back(fd);
  }
  return descriptors;
}

std::optional<int> FieldNumber(const ForkMessage& message, size_t index) {
  if (index >= message.fields.size()) return std::nullopt;
  const std::string& text = message.fields[index];
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace sallyport::supervisor

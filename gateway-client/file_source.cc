#include "gateway-client/file_source.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "base/log.h"
#include "base/status.h"
#include "base/unique_fd.h"

namespace sallyport::sources {
namespace {

// Network and FUSE file systems report no change made elsewhere, hence a look without a reason;
// more often where nothing is reported at all.
constexpr std::chrono::seconds kSecondLook(30);
constexpr std::chrono::seconds kSecondLookUnwatched(2);

// Room for the longest value, its newline, and one byte that shows there was more.
constexpr size_t kBufferSize = kMaxValueSize + 3;

}  // namespace

FileSource::FileSource(std::string path, FollowedFiles* files, FileWatch* watch)
    : path_(std::move(path)), files_(files), watch_(watch) {}

FileSource::~FileSource() { watch_->Remove(path_); }

void FileSource::Advance(SteadyTime now) {
  if (now < next_read_) return;
  // First the watch, then the reading: what changes in between is reported, and read again.
  watch_->Add(path_);
  Read(now);
  next_read_ = now + (watch_->fd() >= 0 ? kSecondLook : kSecondLookUnwatched);
}

void FileSource::Read(SteadyTime now) {
  const std::string name = fmt::format("file {}", path_);
  // O_NONBLOCK: opening a FIFO that nobody writes to must not hold up every other source.
  UniqueFd fd(open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!fd) return AcceptNone(name, fmt::format("cannot be opened ({})", std::strerror(errno)));
  struct stat info = {};
  if (fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return AcceptNone(name, "is not a regular file");
  }
  if (const absl::Status admitted = files_->Admit(path_, info, FollowedFiles::Use::kIsSecret);
      !admitted.ok()) {
    // What it held at the start is good still.
    if (Message(admitted) != refused_) log::Warn("credentials", Message(admitted));
    refused_ = Message(admitted);
    return;
  }
  SecretString contents = SecretString::OfSize(kBufferSize);
  size_t size = 0;
  while (size < kBufferSize) {
    const ssize_t part = read(fd.get(), contents.mutable_bytes() + size, kBufferSize - size);
    if (part < 0 && errno == EINTR) continue;
    if (part < 0) return AcceptNone(name, fmt::format("cannot be read ({})", std::strerror(errno)));
    if (part == 0) break;
    size += static_cast<size_t>(part);
  }
  Accept(SecretString(WithoutFinalNewline(contents.Reveal().substr(0, size))), name, now);
}

}  // namespace sallyport::sources

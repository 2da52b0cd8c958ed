#ifndef SALLYPORT_BASE_UNIQUE_FD_H_
#define SALLYPORT_BASE_UNIQUE_FD_H_

#include <unistd.h>

#include <utility>

namespace sallyport {

// Owns one file descriptor and closes it. Holds -1 when it owns none.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) Reset(std::exchange(other.fd_, -1));
    return *this;
  }
  ~UniqueFd() { Reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

  // Gives the descriptor away; the caller closes it.
  int Release() { return std::exchange(fd_, -1); }

  // Closes what is owned and takes `fd`. A failing close(2) still frees the descriptor on Linux,
  // so its result is not looked at.
  void Reset(int fd = -1) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

}  // namespace sallyport

#endif  // SALLYPORT_BASE_UNIQUE_FD_H_

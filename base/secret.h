#ifndef SALLYPORT_BASE_SECRET_H_
#define SALLYPORT_BASE_SECRET_H_

#include <cstddef>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

namespace sallyport {

// The one type that holds a secret. Its bytes live in memory that is locked where the process may
// lock memory (RLIMIT_MEMLOCK), is left out of core dumps, and is overwritten when the object ends.
// It moves and never copies silently; it prints as "[redacted]". Thread-compatible.
class SecretString {
 public:
  SecretString() = default;
  // Copies `plaintext`. The caller still owns, and should wipe, the original.
  explicit SecretString(std::string_view plaintext);
  SecretString(SecretString&& other) noexcept
      : bytes_(std::exchange(other.bytes_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  SecretString& operator=(SecretString&& other) noexcept;
  SecretString(const SecretString&) = delete;
  SecretString& operator=(const SecretString&) = delete;
  ~SecretString() { Wipe(); }

  SecretString Clone() const { return SecretString(Reveal()); }

  // `size` bytes for the caller to fill through mutable_bytes().
  static SecretString OfSize(size_t size);

  // The plaintext. Valid while this object lives and is not assigned to.
  std::string_view Reveal() const { return {bytes_, size_}; }
  char* mutable_bytes() { return bytes_; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  friend std::ostream& operator<<(std::ostream& out, const SecretString&) {
    return out << "[redacted]";
  }

 private:
  void Wipe();

  char* bytes_ = nullptr;
  size_t size_ = 0;
};

// Appends to a string that may hold a secret: where it must move to grow, the old bytes are
// overwritten.
void AppendWiping(std::string_view more, std::string* text);

// Overwrites and empties a string that held a secret on its way into a SecretString.
void WipeString(std::string* text);

// Makes this process unreadable to others of the same user (prctl(2), PR_SET_DUMPABLE) and takes
// away its core dumps. Call before the first secret arrives. Aborts if the kernel refuses, which it
// never does.
void HardenProcess();

}  // namespace sallyport

#endif  // SALLYPORT_BASE_SECRET_H_

#include "base/secret.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace sallyport {
namespace {

// Locked, undumped pages, cut into power-of-two cells. mlock(2) works on whole pages, so secrets
// must share pages of their own: unlocking one must not unlock a neighbour. Pages are never given
// back; a process holds a handful of secrets.
class LockedHeap {
 public:
  char* Allocate(size_t size) {
    const size_t cell = CellSize(size);
    absl::MutexLock lock(&mutex_);
    std::vector<char*>& free_cells = free_[std::bit_width(cell)];
    if (free_cells.empty()) AddPages(cell, &free_cells);
    char* bytes = free_cells.back();
    free_cells.pop_back();
    return bytes;
  }

  void Free(char* bytes, size_t size) {
    const size_t cell = CellSize(size);
    explicit_bzero(bytes, size);
    absl::MutexLock lock(&mutex_);
    free_[std::bit_width(cell)].push_back(bytes);
  }

 private:
  static constexpr size_t kMinCell = 32;
  // Four pages: 512 of the smallest cells, and well under the 8 MiB a plain user may lock.
  static constexpr size_t kSlab = size_t{16} * 1024;

  static size_t CellSize(size_t size) { return std::bit_ceil(size < kMinCell ? kMinCell : size); }

  void AddPages(size_t cell, std::vector<char*>* free_cells) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const size_t size = cell > kSlab ? cell : kSlab;
    void* pages = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) throw std::bad_alloc();
    // Both are best effort: a low RLIMIT_MEMLOCK must not stop the program.
    (void)mlock(pages, size);
    (void)madvise(pages, size, MADV_DONTDUMP);
    for (size_t offset = 0; offset + cell <= size; offset += cell) {
      free_cells->push_back(static_cast<char*>(pages) + offset);
    }
  }

  absl::Mutex mutex_;
  // Indexed by std::bit_width of the cell size.
  std::vector<char*> free_[65] ABSL_GUARDED_BY(mutex_);
};

LockedHeap& Heap() {
  // Never destroyed: secrets may outlive static destruction.
  static LockedHeap& heap = *new LockedHeap;
  return heap;
}

}  // namespace

SecretString::SecretString(std::string_view plaintext) {
  if (plaintext.empty()) return;
  bytes_ = Heap().Allocate(plaintext.size());
  size_ = plaintext.size();
  std::memcpy(bytes_, plaintext.data(), size_);
}

SecretString SecretString::OfSize(size_t size) {
  SecretString secret;
  if (size == 0) return secret;
  secret.bytes_ = Heap().Allocate(size);
  secret.size_ = size;
  return secret;
}

SecretString& SecretString::operator=(SecretString&& other) noexcept {
  if (this != &other) {
    Wipe();
    bytes_ = std::exchange(other.bytes_, nullptr);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

void SecretString::Wipe() {
  if (bytes_ != nullptr) Heap().Free(bytes_, size_);
  bytes_ = nullptr;
  size_ = 0;
}

void AppendWiping(std::string_view more, std::string* text) {
  const size_t size = text->size() + more.size();
  if (size > text->capacity()) {
    std::string larger;
    // Twice as much, or many small pieces would be copied again and again.
    larger.reserve(text->empty() ? size : std::max(size, 2 * text->capacity()));
    larger.append(*text);
    WipeString(text);
    *text = std::move(larger);
  }
  text->append(more);
}

void WipeString(std::string* text) {
  explicit_bzero(text->data(), text->size());
  text->clear();
}

void HardenProcess() {
  const rlimit none = {0, 0};
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || setrlimit(RLIMIT_CORE, &none) != 0) std::abort();
}

}  // namespace sallyport

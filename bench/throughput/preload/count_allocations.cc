// Preloaded into sallyport (LD_PRELOAD) by the harness: counts calls of operator new, which are
// ours and those of the C++ libraries under us, and none of the TLS library's, which is C. The
// count is eight bytes in the file that COUNT_ALLOCATIONS_FILE names, for another process to read
// at any time.

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

using Counter = std::atomic<unsigned long long>;

Counter* MapCounter() {
  static Counter unseen;
  const char* name = std::getenv("COUNT_ALLOCATIONS_FILE");
  const int fd = name == nullptr ? -1 : open(name, O_RDWR | O_CLOEXEC);
  if (fd < 0) return &unseen;
  void* page = mmap(nullptr, sizeof(Counter), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  return page == MAP_FAILED ? &unseen : static_cast<Counter*>(page);
}

void Count() {
  static Counter* const counter = MapCounter();
  counter->fetch_add(1, std::memory_order_relaxed);
}

void* OrThrow(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

// The other forms of operator new, array and nothrow, call these two in libstdc++.
void* operator new(size_t size) {
  Count();
  return OrThrow(std::malloc(size == 0 ? 1 : size));
}

void* operator new(size_t size, std::align_val_t alignment) {
  Count();
  const size_t unit = static_cast<size_t>(alignment);
  return OrThrow(std::aligned_alloc(unit, (size + unit - 1) / unit * unit));
}

void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }

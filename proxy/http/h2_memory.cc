#include "proxy/http/h2_memory.h"

#include <string.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <limits>
#include <utility>

namespace sallyport::http {
namespace {

// In front of every block, its size; as large as keeps what follows aligned.
constexpr size_t kHeader = alignof(std::max_align_t);
static_assert(kHeader >= sizeof(size_t));

size_t& SizeOf(void* block) {
  return *reinterpret_cast<size_t*>(static_cast<char*>(block) - kHeader);
}

// Sizes are rounded up to these steps, as far as there is a shelf for them. A session takes a few
// blocks for each stream and gives them back at its end, a hundred streams' at once when they come
// in one read: more than malloc(3) keeps at hand.
constexpr size_t kStep = 64;
constexpr size_t kShelves = 16;
// On each: 128 KiB of the largest.
constexpr size_t kMaxOnShelf = 128;

// The blocks that one thread has no use for at the moment, the last one used on top.
class Stock {
 public:
  ~Stock() {
    for (Shelf& shelf : shelves_) {
      while (shelf.top != nullptr) std::free(shelf.Take());
      // The thread may free more while it ends.
      shelf.count = kMaxOnShelf;
    }
  }

  void* Take(size_t shelf) { return shelves_[shelf].Take(); }

  bool Give(size_t shelf, void* whole) {
    if (shelves_[shelf].count == kMaxOnShelf) return false;
    auto* const block = static_cast<Spare*>(whole);
    block->below = std::exchange(shelves_[shelf].top, block);
    ++shelves_[shelf].count;
    return true;
  }

 private:
  struct Spare {
    Spare* below;
  };
  struct Shelf {
    void* Take() {
      if (top == nullptr) return nullptr;
      --count;
      return std::exchange(top, top->below);
    }
    Spare* top = nullptr;
    size_t count = 0;
  };

  std::array<Shelf, kShelves> shelves_;
};

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
// Nothing stays in stock, so that the sanitizer sees every use of what was freed.
constexpr size_t kShelvesUsed = 0;
#else
constexpr size_t kShelvesUsed = kShelves;
#endif

thread_local Stock stock;

size_t ShelfOf(size_t size) { return (size + kStep - 1) / kStep; }

void* Allocate(size_t size, void*) {
  if (size > std::numeric_limits<size_t>::max() - kHeader - kStep) return nullptr;
  const size_t shelf = ShelfOf(size);
  void* whole = shelf < kShelvesUsed ? stock.Take(shelf) : nullptr;
  if (whole == nullptr) whole = std::malloc(kHeader + shelf * kStep);
  if (whole == nullptr) return nullptr;
  void* const block = static_cast<char*>(whole) + kHeader;
  SizeOf(block) = size;
  return block;
}

void* AllocateZeroed(size_t count, size_t size, void*) {
  if (size != 0 && count > std::numeric_limits<size_t>::max() / size) return nullptr;
  void* const block = Allocate(count * size, nullptr);
  if (block != nullptr) memset(block, 0, count * size);
  return block;
}

void Free(void* block, void*) {
  if (block == nullptr) return;
  const size_t shelf = ShelfOf(SizeOf(block));
  explicit_bzero(block, SizeOf(block));
  void* const whole = static_cast<char*>(block) - kHeader;
  if (shelf >= kShelvesUsed || !stock.Give(shelf, whole)) std::free(whole);
}

// realloc(3) would leave the old bytes behind where it moves them.
void* Reallocate(void* block, size_t size, void*) {
  void* const moved = Allocate(size, nullptr);
  if (moved == nullptr || block == nullptr) return moved;
  memcpy(moved, block, std::min(size, SizeOf(block)));
  Free(block, nullptr);
  return moved;
}

}  // namespace

nghttp2_mem* WipingMemory() {
  static nghttp2_mem memory = {nullptr, Allocate, Free, AllocateZeroed, Reallocate};
  return &memory;
}

}  // namespace sallyport::http

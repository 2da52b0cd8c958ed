#include "proxy/http/h2_memory.h"

#include <string.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <limits>

namespace sallyport::http {
namespace {

// In front of every block, its size; as large as keeps what follows aligned.
constexpr size_t kHeader = alignof(std::max_align_t);
static_assert(kHeader >= sizeof(size_t));

size_t& SizeOf(void* block) {
  return *reinterpret_cast<size_t*>(static_cast<char*>(block) - kHeader);
}

void* Allocate(size_t size, void*) {
  if (size > std::numeric_limits<size_t>::max() - kHeader) return nullptr;
  auto* const whole = static_cast<char*>(std::malloc(kHeader + size));
  if (whole == nullptr) return nullptr;
  void* const block = whole + kHeader;
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
  explicit_bzero(block, SizeOf(block));
  std::free(static_cast<char*>(block) - kHeader);
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

#include "base/arena.h"

#include <string.h>

#include <algorithm>
#include <cstring>

namespace sallyport {

char* Arena::Allocate(size_t size) {
  if (blocks_.empty() || blocks_.back().capacity - blocks_.back().used < size) {
    const size_t capacity = std::max(size, kBlockSize);
    // for_overwrite: the bytes are written by the caller before anything reads them.
    blocks_.push_back({std::make_unique_for_overwrite<char[]>(capacity), capacity, 0});
  }
  Block& block = blocks_.back();
  char* bytes = block.bytes.get() + block.used;
  block.used += size;
  return bytes;
}

std::string_view Arena::Copy(std::string_view text) { return Concat({text}); }

std::string_view Arena::Concat(std::initializer_list<std::string_view> parts) {
  size_t size = 0;
  for (std::string_view part : parts) size += part.size();
  if (size == 0) return {};
  char* bytes = Allocate(size);
  char* end = bytes;
  for (std::string_view part : parts) end = std::copy(part.begin(), part.end(), end);
  return {bytes, size};
}

void Arena::Reset() {
  for (Block& block : blocks_) explicit_bzero(block.bytes.get(), block.used);
  if (blocks_.size() > 1) blocks_.resize(1);
  if (!blocks_.empty()) {
    if (blocks_.front().capacity > kBlockSize) {
      blocks_.clear();
    } else {
      blocks_.front().used = 0;
    }
  }
}

}  // namespace sallyport

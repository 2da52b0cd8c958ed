#ifndef SALLYPORT_BASE_ARENA_H_
#define SALLYPORT_BASE_ARENA_H_

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

namespace sallyport {

// Hands out bytes that live until Reset. Blocks are kept across Reset (one of them, of the usual
// size), so that a connection that serves request after request stops allocating. Not
// thread-safe: it belongs to one event loop.
class Arena {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // `size` bytes, not aligned for anything but char.
  char* Allocate(size_t size);

  // A copy of `text` that lives as long as the arena's contents.
  std::string_view Copy(std::string_view text);

  // The parts joined, in arena memory.
  std::string_view Concat(std::initializer_list<std::string_view> parts);

  // Forgets everything handed out, overwriting it with zeros: the bytes may have held a secret.
  void Reset();

 private:
  // Two cover the heads of most requests.
  static constexpr size_t kBlockSize = 4096;

  struct Block {
    std::unique_ptr<char[]> bytes;
    size_t capacity = 0;
    size_t used = 0;
  };
  std::vector<Block> blocks_;
};

}  // namespace sallyport

#endif  // SALLYPORT_BASE_ARENA_H_

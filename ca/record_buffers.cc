#include "ca/record_buffers.h"

#include <malloc.h>
#include <openssl/crypto.h>

#include <array>
#include <cstddef>
#include <cstdlib>

namespace sallyport::ca {

#if defined(SALLYPORT_TLS_BORINGSSL) || defined(__SANITIZE_ADDRESS__) || \
    defined(__SANITIZE_THREAD__)

bool PoolRecordBuffers() { return false; }

#else
namespace {

// From a record's 16 KiB (RFC 8446 §5.1) to the handshake's buffer, which OpenSSL makes a third
// larger than that.
constexpr size_t kSmallest = size_t{16} * 1024;
constexpr size_t kBlock = size_t{22} * 1024;

// The blocks that one thread has no use for at the moment, the last one used on top: it is in the
// cache.
class Stock {
 public:
  ~Stock() {
    while (count_ > 0) std::free(blocks_[--count_]);
    // The thread may free more while it ends.
    closed_ = true;
  }

  void* Take() { return count_ > 0 ? blocks_[--count_] : std::malloc(kBlock); }

  bool Give(void* block) {
    if (closed_ || count_ == blocks_.size()) return false;
    blocks_[count_++] = block;
    return true;
  }

 private:
  std::array<void*, 16> blocks_;
  size_t count_ = 0;
  bool closed_ = false;
};

thread_local Stock stock;

void* Allocate(size_t size, const char* /*file*/, int /*line*/) {
  if (size >= kSmallest && size <= kBlock) return stock.Take();
  return size == 0 ? nullptr : std::malloc(size);
}

void Free(void* block, const char* /*file*/, int /*line*/) {
  // Any block that is large enough may serve, whatever it was asked for as.
  const size_t size = malloc_usable_size(block);
  if (size >= kBlock && size < kBlock + kSmallest && stock.Give(block)) return;
  std::free(block);
}

void* Reallocate(void* block, size_t size, const char* file, int line) {
  if (size != 0) return std::realloc(block, size);
  Free(block, file, line);
  return nullptr;
}

}  // namespace

bool PoolRecordBuffers() { return CRYPTO_set_mem_functions(Allocate, Reallocate, Free) == 1; }
#endif

}  // namespace sallyport::ca

#ifndef SALLYPORT_PROXY_HTTP_H2_MEMORY_H_
#define SALLYPORT_PROXY_HTTP_H2_MEMORY_H_

#include <nghttp2/nghttp2.h>

namespace sallyport::http {

// An allocator for nghttp2, which copies the fields it is given, injected credentials among them:
// what it frees is overwritten first. Keeps spare blocks for each thread; for any thread.
nghttp2_mem* WipingMemory();

}  // namespace sallyport::http

#endif  // SALLYPORT_PROXY_HTTP_H2_MEMORY_H_

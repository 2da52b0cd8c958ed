// libuv closes a descriptor by syscall(SYS_close, ...), which ThreadSanitizer does not see: once
// the number is given out again, two threads seem to use one descriptor. In this build syscall() is
// the one below, for libuv too, and leaves such a call to close(), which ThreadSanitizer
// intercepts.

#include <dlfcn.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

// Of the call's arguments, which are six at most, those that it does not have are never read.
using Syscall = long (*)(long number, long a, long b, long c, long d, long e, long f);

Syscall in_libc = nullptr;

}  // namespace

extern "C" {

// A name of its own, as <unistd.h> declares syscall() with a variable number of arguments.
long SyscallThatCloses(long number, long a, long b, long c, long d, long e, long f) asm("syscall");

__attribute__((no_sanitize("thread"))) long SyscallThatCloses(long number, long a, long b, long c,
                                                              long d, long e, long f) {
  if (number == SYS_close) return close(static_cast<int>(a));
  // First called before there are threads, by the forker.
  if (in_libc == nullptr) in_libc = reinterpret_cast<Syscall>(dlsym(RTLD_NEXT, "syscall"));
  return in_libc(number, a, b, c, d, e, f);
}

}  // extern "C"

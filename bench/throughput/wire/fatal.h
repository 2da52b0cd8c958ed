#ifndef SALLYPORT_BENCH_THROUGHPUT_WIRE_FATAL_H_
#define SALLYPORT_BENCH_THROUGHPUT_WIRE_FATAL_H_

#include <string_view>

namespace sallyport::bench {

// What a measurement cannot go on without: says what is missing and ends the program with status 1.
[[noreturn]] void Fatal(std::string_view what);
// The same with the meaning of errno.
[[noreturn]] void FatalErrno(std::string_view what);
// The same with the TLS library's error queue.
[[noreturn]] void FatalTls(std::string_view what);

}  // namespace sallyport::bench

#endif  // SALLYPORT_BENCH_THROUGHPUT_WIRE_FATAL_H_

#include "bench/throughput/wire/fatal.h"

#include <fmt/core.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "base/status.h"
#include "ca/openssl.h"

namespace sallyport::bench {

void Fatal(std::string_view what) {
  std::fprintf(stderr, "%.*s\n", static_cast<int>(what.size()), what.data());
  std::exit(1);
}

void FatalErrno(std::string_view what) { Fatal(fmt::format("{}: {}", what, strerror(errno))); }

void FatalTls(std::string_view what) { Fatal(Message(ca::OpenSslStatus(what))); }

}  // namespace sallyport::bench

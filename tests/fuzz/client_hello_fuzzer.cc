// The first bytes of a connection that may be TLS. What they are is decided once: a decision made
// on the bytes that have come does not change with those that follow.

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/tls/client_hello.h"
#include "tests/fuzz/fuzz_input.h"

namespace sallyport::fuzz {
namespace {

using tls::ClientHelloPeek;
using Kind = ClientHelloPeek::Kind;

void CheckPrefixes(std::string_view bytes) {
  const ClientHelloPeek whole = tls::PeekClientHello(bytes);
  Require(whole.server_name.empty() || whole.kind == Kind::kClientHello, "a name of nothing");
  bool decided = false;
  // Every length at first, then fewer: each is read from its beginning.
  for (size_t size = 0; size < bytes.size(); size += 1 + size / 64) {
    // Of exactly this size, so that a read beyond its end is caught.
    const std::string prefix(bytes.substr(0, size));
    const ClientHelloPeek peek = tls::PeekClientHello(prefix);
    Require(!decided || peek.kind != Kind::kIncomplete, "a decision is taken back");
    if (peek.kind == Kind::kIncomplete) continue;
    decided = true;
    Require(peek.kind == whole.kind && peek.server_name == whole.server_name,
            "a decision changes with the bytes that follow");
  }
  Require(!decided || whole.kind != Kind::kIncomplete, "a decision is taken back at the end");
}

}  // namespace
}  // namespace sallyport::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  sallyport::fuzz::CheckPrefixes({reinterpret_cast<const char*>(data), size});
  return 0;
}

// What a program inside the sandbox sends to port 53. Whatever is answered is a reply to that
// message, echoes its question, and can be told from a query.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/dns/message.h"
#include "proxy/dns/responder.h"
#include "tests/fuzz/fuzz_input.h"

namespace sallyport::fuzz {
namespace {

void Check(std::string_view message) {
  dns::NameAddresses names(16);
  dns::Responder responder([](const rules::Host& host) { return host.name.size() % 2 == 0; },
                           &names);
  // Of exactly this size, so that a read beyond its end is caught.
  const std::string copy(message);
  const std::string reply = responder.Answer(copy);
  if (reply.empty()) return;
  Require(reply.size() >= 12, "a reply has a header");
  Require(reply.substr(0, 2) == copy.substr(0, 2), "a reply has its query's id");
  Require(!dns::ParseQuery(reply).has_value(), "a reply is no query");
  Require(reply.size() <= copy.size() + 28, "a reply is hardly larger than its query");
}

}  // namespace
}  // namespace sallyport::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  sallyport::fuzz::Check({reinterpret_cast<const char*>(data), size});
  return 0;
}

// What a SOCKS5 client sends. A first line says how it is cut into reads (Cuts); whatever the cuts,
// the same must come of it. A request that is understood names a host in its canonical form.

#include <fmt/core.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/socks/socks5_opening.h"
#include "tests/fuzz/fuzz_input.h"

namespace sallyport::fuzz {
namespace {

using socks::Socks5Opening;
using Status = Socks5Opening::Status;

// As text: what came of it, what was said to the client, what was left for the protocol inside.
std::string Run(std::string_view bytes, Cuts cuts) {
  Socks5Opening opening;
  Status status = Status::kNeedMore;
  std::string input;
  std::string output;
  while (status == Status::kNeedMore && !bytes.empty()) {
    input += cuts.TakePiece(&bytes);
    const std::string said = output;
    // Of exactly this size, so that a read beyond its end is caught.
    const std::string copy = input;
    std::string_view rest = copy;
    status = opening.Consume(&rest, &output);
    Require(copy.ends_with(rest), "what is left is not the end of what came");
    Require(output.starts_with(said), "what was said is taken back");
    input = std::string(rest);
  }
  Require((status == Status::kFailed) == !opening.error().empty(), "an error and a reason");
  if (status == Status::kFailed) {
    return fmt::format("failed: {}\n{}", opening.error(), output);
  }
  if (status == Status::kNeedMore) return fmt::format("needs more\n{}", output);
  const rules::Authority& target = opening.target();
  const auto again = rules::ParseAuthority(target.ToString(), std::nullopt);
  Require(again.ok() && *again == target && target.port != 0, "the target is not canonical");
  return fmt::format("to {}\n{}\n{}{}", target.ToString(), output, input, bytes);
}

}  // namespace
}  // namespace sallyport::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sallyport::fuzz;
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string_view cuts = TakeLine(&bytes);
  const std::string whole = Run(bytes, Cuts::Whole());
  RequireSame(whole, Run(bytes, Cuts::FromLetters(cuts)), "when it comes in pieces");
  RequireSame(whole, Run(bytes, Cuts::SingleBytes()), "when it comes byte by byte");
  return 0;
}

#include "proxy/dns/responder.h"

#include <optional>

#include "base/log.h"
#include "proxy/dns/message.h"

namespace sallyport::dns {
namespace {

// Programs may keep an answer this long; a policy that changes is asked again at each connection.
constexpr uint32_t kTtlSeconds = 60;

// RFC 6761 §6.3: the name is the machine's own everywhere.
bool IsLocalhost(std::string_view name) {
  return name == "localhost" || name.ends_with(".localhost");
}

}  // namespace

std::string Responder::Answer(std::string_view message) {
  const std::optional<Query> query = ParseQuery(message);
  if (!query.has_value()) return {};
  const auto reply = [&query](ReplyCode code, const std::optional<IpAddress>& address = {}) {
    return EncodeReply(*query, code, address, kTtlSeconds);
  };
  if (query->refusal != ReplyCode::kNoError) return reply(query->refusal);
  const absl::StatusOr<rules::Host> host = rules::ParseHost(query->name);
  if (!host.ok() || host->address.has_value()) return reply(ReplyCode::kNameError);
  const bool is_local = IsLocalhost(host->name);
  if (!is_local && !is_allowed_(*host)) {
    log::Debug("dns", "a name that is not allowed does not exist", {{"host", host->name}});
    return reply(ReplyCode::kNameError);
  }
  const NameAddresses::Addresses addresses =
      is_local ? NameAddresses::Addresses{*IpAddress::Parse("127.0.0.1"), *IpAddress::Parse("::1")}
               : addresses_->AddressesOf(host->name);
  switch (query->type) {
    case RecordType::kA:
    case RecordType::kAny:
      return reply(ReplyCode::kNoError, addresses.v4);
    case RecordType::kAaaa:
      return reply(ReplyCode::kNoError, addresses.v6);
  }
  // The name is there; records of other types are not.
  return reply(ReplyCode::kNoError);
}

}  // namespace sallyport::dns

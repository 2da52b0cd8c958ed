#ifndef SALLYPORT_PROXY_DNS_MESSAGE_H_
#define SALLYPORT_PROXY_DNS_MESSAGE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ip_address.h"

namespace sallyport::dns {

// RFC 1035 §3.2.2 and RFC 3596: what a question asks for.
enum class RecordType : uint16_t { kA = 1, kAaaa = 28, kAny = 255 };

// RFC 1035 §4.1.1.
enum class ReplyCode : uint8_t {
  kNoError = 0,
  kFormatError = 1,
  kNameError = 3,  // there is no such name
  kNotImplemented = 4,
  kRefused = 5,
};

// One query, as a stub resolver sends it.
struct Query {
  uint16_t id = 0;
  // To be echoed: the opcode and "recursion desired".
  uint16_t flags = 0;
  // Set when the query must be answered with an error whatever it asks for.
  ReplyCode refusal = ReplyCode::kNoError;
  // Labels joined by dots, without one at the end; as sent, so in any case of letters.
  std::string name;
  RecordType type = RecordType::kA;
  // The question as it was on the wire, to be echoed; empty where there was no sound one.
  std::string_view question;
};

// Reads a message (RFC 1035 §4). Nothing where no reply may be sent: it is no query, or too short
// to have an id. Exactly one question of class IN, its name uncompressed; what follows it (EDNS) is
// not looked at. `bytes` must outlive the result.
std::optional<Query> ParseQuery(std::string_view bytes);

// The reply: with `address`, one record of its family that holds for `ttl_seconds`.
std::string EncodeReply(const Query& query, ReplyCode code, const std::optional<IpAddress>& address,
                        uint32_t ttl_seconds);

}  // namespace sallyport::dns

#endif  // SALLYPORT_PROXY_DNS_MESSAGE_H_

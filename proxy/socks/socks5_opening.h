#ifndef SALLYPORT_PROXY_SOCKS_SOCKS5_OPENING_H_
#define SALLYPORT_PROXY_SOCKS_SOCKS5_OPENING_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "rules/authority.h"

namespace sallyport::socks {

// The first byte of a SOCKS5 connection.
inline constexpr char kVersion = 0x05;

// RFC 1928 §6, the replies in use here.
enum class ReplyCode : uint8_t {
  kSucceeded = 0x00,
  kGeneralFailure = 0x01,
  kNotAllowed = 0x02,
  kHostUnreachable = 0x04,
  kConnectionRefused = 0x05,
  kTtlExpired = 0x06,  // what clients print for a time-out
  kCommandNotSupported = 0x07,
  kAddressTypeNotSupported = 0x08,
};

// The reply to a request; its bound address is always 0.0.0.0:0, which clients ignore for CONNECT.
std::string EncodeReply(ReplyCode code);

// The server's side of a SOCKS5 connection (RFC 1928) up to its request: no authentication, the
// command CONNECT. A state machine without a socket.
class Socks5Opening {
 public:
  enum class Status : uint8_t {
    kNeedMore,
    kRequest,  // see target(); it wants a reply
    kFailed,   // see error(); close once what is to be sent has left
  };

  // Takes what it understands off the front of `*input` and appends what the client is to be sent
  // to `*output`. To be called with more bytes after kNeedMore.
  Status Consume(std::string_view* input, std::string* output);

  // Canonical. Names are the proxy's to resolve; an address literal may come in any form.
  const rules::Authority& target() const { return target_; }
  // Why it failed, for the audit log.
  const std::string& error() const { return error_; }

 private:
  Status ConsumeGreeting(std::string_view* input, std::string* output);
  Status ConsumeRequest(std::string_view* input, std::string* output);
  Status Fail(ReplyCode code, std::string error, std::string* output);

  bool greeted_ = false;
  rules::Authority target_;
  std::string error_;
};

}  // namespace sallyport::socks

#endif  // SALLYPORT_PROXY_SOCKS_SOCKS5_OPENING_H_

#ifndef SALLYPORT_PROXY_EXCHANGE_MESSAGE_ENVELOPES_H_
#define SALLYPORT_PROXY_EXCHANGE_MESSAGE_ENVELOPES_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "proxy/http/header_list.h"

namespace sallyport::proxy {

// Whether a body is a row of messages in envelopes: a byte of flags, four that are the message's
// length, and the message. gRPC, gRPC-Web and Connect's streams have them (grpc/doc/PROTOCOL-HTTP2,
// PROTOCOL-WEB; connectrpc.com/docs/protocol).
bool HasEnvelopes(const http::HeaderList& headers);

// Follows such a body, to say where its messages end.
//
// With the last byte of a message its receiver may have to act before the sender says more, and
// what follows is the next one's flags, which are in no text.
class MessageEnvelopes {
 public:
  // Takes the body's next bytes; whether a message ends with the last of them.
  bool EndsWith(std::string_view bytes);

 private:
  // Of the envelope's prefix, how many bytes have come; of the message, how many are still to come.
  size_t prefix_ = 0;
  uint32_t left_ = 0;
};

}  // namespace sallyport::proxy

#endif  // SALLYPORT_PROXY_EXCHANGE_MESSAGE_ENVELOPES_H_

#ifndef SALLYPORT_PROXY_NET_LINGERING_CLOSE_H_
#define SALLYPORT_PROXY_NET_LINGERING_CLOSE_H_

#include <cstdint>

#include "proxy/net/transport.h"

namespace sallyport::net {

// Closes a connection so that the peer can still read what was written to it last: sends what is
// queued (for five minutes at most) and the end of our direction, then reads and drops what the
// peer sends until it ends too, is silent for two seconds, or half a minute is over. Closing at
// once instead makes the kernel answer unread bytes with a reset, which destroys the reply on the
// peer's side (RFC 9112 §9.6). Takes the transport; needs no owner.
enum class Patience : uint8_t {
  kWaitForPeer,
  // Only until what is queued has left: for connections on which the peer awaits nothing.
  kFlushOnly,
};
void LingeringClose(TransportPtr transport, Patience patience = Patience::kWaitForPeer);

}  // namespace sallyport::net

#endif  // SALLYPORT_PROXY_NET_LINGERING_CLOSE_H_

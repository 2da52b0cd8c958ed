#ifndef SALLYPORT_PROXY_TLS_CLIENT_HELLO_H_
#define SALLYPORT_PROXY_TLS_CLIENT_HELLO_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sallyport::tls {

// What the first bytes of a connection are, as far as they tell.
struct ClientHelloPeek {
  enum class Kind : uint8_t {
    kIncomplete,  // may become a ClientHello with more bytes
    kNotTls,      // not a TLS handshake record
    kMalformed,   // begins as one and then breaks RFC 8446 §4.1.2
    kClientHello,
  };
  Kind kind = Kind::kIncomplete;
  // The server_name extension's host_name (RFC 6066 §3), as sent; empty when there is none.
  std::string server_name;
};

// A ClientHello is not looked for beyond this many bytes; the largest real ones, with post-quantum
// key shares, have about 2 KiB.
inline constexpr size_t kMaxClientHello = size_t{32} * 1024;

// Looks without consuming. Handshake messages split over records are put together.
ClientHelloPeek PeekClientHello(std::string_view bytes);

}  // namespace sallyport::tls

#endif  // SALLYPORT_PROXY_TLS_CLIENT_HELLO_H_

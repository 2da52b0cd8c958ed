#ifndef SALLYPORT_PROXY_HTTP_WEBSOCKET_HANDSHAKE_H_
#define SALLYPORT_PROXY_HTTP_WEBSOCKET_HANDSHAKE_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

// The part of RFC 6455's opening handshake that HTTP/2 leaves out (RFC 8441 §5). Inside the proxy a
// WebSocket always begins as in HTTP/1.1, so an HTTP/2 codec makes up what its side did not send.
namespace sallyport::http {

inline constexpr std::string_view kWebSocket = "websocket";
inline constexpr std::string_view kWebSocketKey = "Sec-WebSocket-Key";
inline constexpr std::string_view kWebSocketAccept = "Sec-WebSocket-Accept";

// A Sec-WebSocket-Key: 16 random bytes in base64 (RFC 6455 §4.1).
std::string NewWebSocketKey();
// The Sec-WebSocket-Accept that answers `key` (§4.2.2).
std::string WebSocketAcceptFor(std::string_view key);

// FIPS 180-4. For the above only: it protects nothing there, it shows that the server knows the
// protocol.
std::array<uint8_t, 20> Sha1(std::string_view message);

}  // namespace sallyport::http

#endif  // SALLYPORT_PROXY_HTTP_WEBSOCKET_HANDSHAKE_H_

#include "proxy/http/websocket_handshake.h"

#include <sys/random.h>

#include <bit>
#include <cstdlib>

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"

namespace sallyport::http {
namespace {

// RFC 6455 §1.3.
constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

constexpr size_t kBlock = 64;
using State = std::array<uint32_t, 5>;

void AddBlock(const uint8_t* block, State* state) {
  std::array<uint32_t, 80> w;
  for (size_t i = 0; i < 16; ++i) {
    w[i] = uint32_t{block[4 * i]} << 24 | uint32_t{block[4 * i + 1]} << 16 |
           uint32_t{block[4 * i + 2]} << 8 | uint32_t{block[4 * i + 3]};
  }
  for (size_t i = 16; i < 80; ++i) {
    w[i] = std::rotl(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
  }
  auto [a, b, c, d, e] = *state;
  for (size_t i = 0; i < 80; ++i) {
    uint32_t f = b ^ c ^ d;
    uint32_t k = i < 40 ? 0x6ED9EBA1 : 0xCA62C1D6;
    if (i < 20) {
      f = (b & c) | (~b & d);
      k = 0x5A827999;
    } else if (i >= 40 && i < 60) {
      f = (b & c) | (b & d) | (c & d);
      k = 0x8F1BBCDC;
    }
    const uint32_t next = std::rotl(a, 5) + f + e + k + w[i];
    e = d;
    d = c;
    c = std::rotl(b, 30);
    b = a;
    a = next;
  }
  (*state)[0] += a;
  (*state)[1] += b;
  (*state)[2] += c;
  (*state)[3] += d;
  (*state)[4] += e;
}

std::string Base64(const void* bytes, size_t size) {
  return absl::Base64Escape(absl::string_view(static_cast<const char*>(bytes), size));
}

}  // namespace

std::array<uint8_t, 20> Sha1(std::string_view message) {
  State state = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
  std::string padded(message);
  padded.push_back('\x80');
  while (padded.size() % kBlock != kBlock - 8) padded.push_back('\0');
  const uint64_t bits = uint64_t{message.size()} * 8;
  for (int shift = 56; shift >= 0; shift -= 8) {
    padded.push_back(static_cast<char>(bits >> shift & 0xFF));
  }
  for (size_t at = 0; at < padded.size(); at += kBlock) {
    AddBlock(reinterpret_cast<const uint8_t*>(padded.data()) + at, &state);
  }
  std::array<uint8_t, 20> digest;
  for (size_t i = 0; i < digest.size(); ++i) {
    digest[i] = static_cast<uint8_t>(state[i / 4] >> (24 - 8 * (i % 4)));
  }
  return digest;
}

std::string NewWebSocketKey() {
  std::array<uint8_t, 16> nonce;
  // Never short for 256 bytes or less once the kernel's pool is ready (getrandom(2)).
  if (getrandom(nonce.data(), nonce.size(), 0) != static_cast<ssize_t>(nonce.size())) std::abort();
  return Base64(nonce.data(), nonce.size());
}

std::string WebSocketAcceptFor(std::string_view key) {
  std::string text(key);
  text.append(kGuid);
  const std::array<uint8_t, 20> digest = Sha1(text);
  return Base64(digest.data(), digest.size());
}

}  // namespace sallyport::http

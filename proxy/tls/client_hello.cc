#include "proxy/tls/client_hello.h"

#include <optional>

namespace sallyport::tls {
namespace {

using Kind = ClientHelloPeek::Kind;

constexpr uint8_t kHandshakeRecord = 22;
constexpr uint8_t kClientHelloType = 1;
constexpr uint16_t kServerNameExtension = 0;
constexpr uint8_t kHostNameType = 0;

// Reads big-endian integers and length-prefixed vectors (RFC 8446 §3.4); false once too little is
// left.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  bool Integer(size_t size, size_t* value) {
    if (rest_.size() < size) return false;
    *value = 0;
    for (size_t i = 0; i < size; ++i) *value = *value << 8 | static_cast<uint8_t>(rest_[i]);
    rest_.remove_prefix(size);
    return true;
  }
  bool Bytes(size_t size, std::string_view* bytes) {
    if (rest_.size() < size) return false;
    *bytes = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return true;
  }
  bool Vector(size_t length_size, std::string_view* bytes) {
    size_t size = 0;
    return Integer(length_size, &size) && Bytes(size, bytes);
  }
  bool empty() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

// The first handshake message, out of its records. Sets `*kind` when there is none (yet).
std::optional<std::string> FirstHandshakeMessage(std::string_view bytes, Kind* kind) {
  std::string message;
  Reader records(bytes);
  while (true) {
    if (message.size() >= 4) {
      const size_t size = 4 + (static_cast<size_t>(static_cast<uint8_t>(message[1])) << 16 |
                               static_cast<size_t>(static_cast<uint8_t>(message[2])) << 8 |
                               static_cast<size_t>(static_cast<uint8_t>(message[3])));
      if (size > kMaxClientHello) {
        *kind = Kind::kMalformed;
        return std::nullopt;
      }
      if (message.size() >= size) return message.substr(0, size);
    }
    size_t type = 0;
    size_t version = 0;
    size_t length = 0;
    std::string_view fragment;
    *kind = Kind::kIncomplete;
    if (!records.Integer(1, &type)) return std::nullopt;
    if (type != kHandshakeRecord) {
      *kind = message.empty() ? Kind::kNotTls : Kind::kMalformed;
      return std::nullopt;
    }
    if (!records.Integer(2, &version)) return std::nullopt;
    if (version >> 8 != 3) {
      *kind = message.empty() ? Kind::kNotTls : Kind::kMalformed;
      return std::nullopt;
    }
    if (!records.Integer(2, &length)) return std::nullopt;
    // RFC 8446 §5.1: handshake records are never empty.
    if (length == 0 || length > 16384) {
      *kind = Kind::kMalformed;
      return std::nullopt;
    }
    if (!records.Bytes(length, &fragment)) return std::nullopt;
    message.append(fragment);
  }
}

bool FindServerName(std::string_view extensions, std::string* server_name) {
  Reader list(extensions);
  bool found = false;
  while (!list.empty()) {
    size_t type = 0;
    std::string_view body;
    if (!list.Integer(2, &type) || !list.Vector(2, &body)) return false;
    if (type != kServerNameExtension) continue;
    // A second one would let two readers see two names.
    if (found) return false;
    found = true;
    std::string_view names;
    if (!Reader(body).Vector(2, &names)) return false;
    Reader entries(names);
    while (!entries.empty()) {
      size_t name_type = 0;
      std::string_view name;
      if (!entries.Integer(1, &name_type) || !entries.Vector(2, &name)) return false;
      if (name_type != kHostNameType) continue;
      if (name.empty() || !server_name->empty()) return false;
      *server_name = std::string(name);
    }
  }
  return true;
}

// RFC 8446 §4.1.2; TLS 1.2's (RFC 5246 §7.4.1.2) has the same shape.
bool ParseClientHello(std::string_view body, std::string* server_name) {
  Reader hello(body);
  std::string_view skipped;
  if (!hello.Bytes(2 + 32, &skipped) || !hello.Vector(1, &skipped) || !hello.Vector(2, &skipped) ||
      !hello.Vector(1, &skipped)) {
    return false;
  }
  if (hello.empty()) return true;
  std::string_view extensions;
  return hello.Vector(2, &extensions) && hello.empty() && FindServerName(extensions, server_name);
}

}  // namespace

ClientHelloPeek PeekClientHello(std::string_view bytes) {
  ClientHelloPeek peek;
  // What lies beyond is not looked at even where it is there, so that the answer does not depend on
  // how much came at once.
  const std::optional<std::string> message =
      FirstHandshakeMessage(bytes.substr(0, kMaxClientHello), &peek.kind);
  if (!message.has_value()) {
    if (peek.kind == Kind::kIncomplete && bytes.size() >= kMaxClientHello) {
      peek.kind = Kind::kMalformed;
    }
    return peek;
  }
  const bool valid = static_cast<uint8_t>(message->front()) == kClientHelloType &&
                     ParseClientHello(std::string_view(*message).substr(4), &peek.server_name);
  peek.kind = valid ? Kind::kClientHello : Kind::kMalformed;
  if (!valid) peek.server_name.clear();
  return peek;
}

}  // namespace sallyport::tls

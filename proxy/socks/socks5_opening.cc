#include "proxy/socks/socks5_opening.h"

#include <fmt/core.h>

#include <array>
#include <utility>

#include "base/ip_address.h"
#include "base/status.h"

namespace sallyport::socks {
namespace {

constexpr uint8_t kNoAuthentication = 0x00;
constexpr uint8_t kNoAcceptableMethod = 0xff;
constexpr uint8_t kConnect = 0x01;
constexpr uint8_t kIpv4 = 0x01;
constexpr uint8_t kDomainName = 0x03;
constexpr uint8_t kIpv6 = 0x04;

uint8_t ByteAt(std::string_view bytes, size_t index) { return static_cast<uint8_t>(bytes[index]); }

// An IPv6 literal travels as a name without the brackets that host syntax wants around it.
absl::StatusOr<rules::Host> ReadName(std::string_view name) {
  if (name.find(':') != name.npos && !name.starts_with('[')) {
    return rules::ParseHost(fmt::format("[{}]", name));
  }
  return rules::ParseHost(name);
}

absl::StatusOr<rules::Host> ReadIpv4(std::string_view bytes) {
  return rules::ParseHost(fmt::format("{}.{}.{}.{}", ByteAt(bytes, 0), ByteAt(bytes, 1),
                                      ByteAt(bytes, 2), ByteAt(bytes, 3)));
}

absl::StatusOr<rules::Host> ReadIpv6(std::string_view bytes) {
  std::string text = "[";
  for (size_t i = 0; i < bytes.size(); i += 2) {
    const int group = ByteAt(bytes, i) << 8 | ByteAt(bytes, i + 1);
    text += fmt::format("{}{:x}", i == 0 ? "" : ":", group);
  }
  text.push_back(']');
  return rules::ParseHost(text);
}

}  // namespace

std::string EncodeReply(ReplyCode code) {
  return {kVersion, static_cast<char>(code), 0, static_cast<char>(kIpv4), 0, 0, 0, 0, 0, 0};
}

Socks5Opening::Status Socks5Opening::Consume(std::string_view* input, std::string* output) {
  if (!greeted_) {
    const Status status = ConsumeGreeting(input, output);
    if (!greeted_) return status;
  }
  return ConsumeRequest(input, output);
}

// VER NMETHODS METHODS…
Socks5Opening::Status Socks5Opening::ConsumeGreeting(std::string_view* input, std::string* output) {
  if (input->size() < 2) return Status::kNeedMore;
  const size_t length = size_t{2} + ByteAt(*input, 1);
  if (input->size() < length) return Status::kNeedMore;
  const std::string_view methods = input->substr(2, length - 2);
  input->remove_prefix(length);
  if (methods.find(static_cast<char>(kNoAuthentication)) == methods.npos) {
    *output += {kVersion, static_cast<char>(kNoAcceptableMethod)};
    error_ = "the client insists on authentication, which this proxy has none of";
    return Status::kFailed;
  }
  *output += {kVersion, static_cast<char>(kNoAuthentication)};
  greeted_ = true;
  return Status::kNeedMore;
}

// VER CMD RSV ATYP DST.ADDR DST.PORT
Socks5Opening::Status Socks5Opening::ConsumeRequest(std::string_view* input, std::string* output) {
  constexpr size_t kFixedSize = 4;
  constexpr size_t kPortSize = 2;
  const std::string_view bytes = *input;
  if (bytes.empty()) return Status::kNeedMore;
  if (bytes[0] != kVersion) {
    return Fail(ReplyCode::kGeneralFailure, "the request is not of version 5", output);
  }
  if (bytes.size() < kFixedSize + 1) return Status::kNeedMore;
  size_t address_begin = kFixedSize;
  size_t address_size = 0;
  switch (ByteAt(bytes, 3)) {
    case kIpv4:
      address_size = 4;
      break;
    case kIpv6:
      address_size = 16;
      break;
    case kDomainName:
      address_begin += 1;
      address_size = ByteAt(bytes, kFixedSize);
      break;
    default:
      return Fail(ReplyCode::kAddressTypeNotSupported, "unknown address type", output);
  }
  const size_t length = address_begin + address_size + kPortSize;
  if (bytes.size() < length) return Status::kNeedMore;
  input->remove_prefix(length);
  if (ByteAt(bytes, 1) != kConnect) {
    return Fail(ReplyCode::kCommandNotSupported, "only the command CONNECT is served", output);
  }
  const std::string_view address = bytes.substr(address_begin, address_size);
  absl::StatusOr<rules::Host> host = ByteAt(bytes, 3) == kIpv4   ? ReadIpv4(address)
                                     : ByteAt(bytes, 3) == kIpv6 ? ReadIpv6(address)
                                                                 : ReadName(address);
  if (!host.ok()) {
    return Fail(ReplyCode::kGeneralFailure,
                fmt::format("the host is invalid: {}", Message(host.status())), output);
  }
  target_.host = *std::move(host);
  target_.port = static_cast<uint16_t>(ByteAt(bytes, length - 2) << 8 | ByteAt(bytes, length - 1));
  if (target_.port == 0) return Fail(ReplyCode::kGeneralFailure, "port 0", output);
  return Status::kRequest;
}

Socks5Opening::Status Socks5Opening::Fail(ReplyCode code, std::string error, std::string* output) {
  error_ = std::move(error);
  *output += EncodeReply(code);
  return Status::kFailed;
}

}  // namespace sallyport::socks

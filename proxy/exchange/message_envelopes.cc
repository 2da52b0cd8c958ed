#include "proxy/exchange/message_envelopes.h"

#include <algorithm>

namespace sallyport::proxy {
namespace {

constexpr size_t kPrefix = 5;

// What may follow a media type's name: nothing, a suffix or parameters.
bool IsType(std::string_view type, std::string_view name) {
  if (!http::EqualsIgnoreCase(type.substr(0, name.size()), name)) return false;
  type.remove_prefix(name.size());
  return type.empty() || type[0] == '+' || type[0] == ';' || type[0] == ' ';
}

}  // namespace

bool HasEnvelopes(const http::HeaderList& headers) {
  const http::Header* content_type = headers.Find("content-type");
  if (content_type == nullptr) return false;
  const std::string_view type = content_type->value;
  return IsType(type, "application/grpc") || IsType(type, "application/grpc-web") ||
         IsType(type, "application/connect");
}

bool MessageEnvelopes::EndsWith(std::string_view bytes) {
  while (!bytes.empty()) {
    if (prefix_ < kPrefix) {
      // The flags are shifted out by the length that follows.
      left_ = left_ << 8 | static_cast<uint8_t>(bytes[0]);
      bytes.remove_prefix(1);
      ++prefix_;
    } else {
      const size_t size = std::min<size_t>(left_, bytes.size());
      left_ -= static_cast<uint32_t>(size);
      bytes.remove_prefix(size);
    }
    if (prefix_ == kPrefix && left_ == 0) prefix_ = 0;
  }
  return prefix_ == 0;
}

}  // namespace sallyport::proxy

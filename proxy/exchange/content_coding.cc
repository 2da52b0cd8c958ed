#include "proxy/exchange/content_coding.h"

#include <array>
#include <string_view>

namespace sallyport::proxy {
namespace {

using http::EqualsIgnoreCase;
using http::Header;

constexpr std::string_view kIdentity = "identity";
constexpr std::array<std::string_view, 3> kCodingFields = {"content-encoding", "grpc-encoding",
                                                           "connect-content-encoding"};
constexpr std::array<std::string_view, 3> kWishFields = {"Accept-Encoding", "grpc-accept-encoding",
                                                         "connect-accept-encoding"};

}  // namespace

bool IsEncoded(const http::HeaderList& headers) {
  bool encoded = false;
  for (const Header& header : headers) {
    if (header.id != http::HeaderId::kOther) continue;
    for (const std::string_view name : kCodingFields) {
      if (!EqualsIgnoreCase(header.name, name)) continue;
      http::ForEachListMember(header.value, [&encoded](std::string_view coding) {
        encoded |= !EqualsIgnoreCase(coding, kIdentity);
      });
    }
  }
  return encoded;
}

void RefuseEncodings(http::HeaderList* headers) {
  for (const std::string_view name : kWishFields) {
    const Header* wish = headers->Find(name);
    if (wish == nullptr) continue;
    Header narrowed = *wish;
    narrowed.value = kIdentity;
    headers->Replace(narrowed);
  }
}

}  // namespace sallyport::proxy

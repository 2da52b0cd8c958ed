#include "proxy/exchange/connection_authentication.h"

#include <string_view>

namespace sallyport::proxy {
namespace {

using http::EqualsIgnoreCase;

// The scheme that a challenge or credentials begin with.
bool HasConnectionScheme(std::string_view value) {
  const std::string_view scheme = value.substr(0, value.find(' '));
  return EqualsIgnoreCase(scheme, "NTLM") || EqualsIgnoreCase(scheme, "Negotiate");
}

}  // namespace

bool IsConnectionAuthentication(const http::RequestHead& request) {
  const http::Header* field = request.headers.Find(http::HeaderId::kAuthorization);
  return field != nullptr && HasConnectionScheme(field->value);
}

bool OffersConnectionAuthentication(const http::ResponseHead& reply) {
  for (const http::Header& header : reply.headers) {
    if (header.id != http::HeaderId::kWwwAuthenticate) continue;
    bool found = false;
    // A field may list several challenges (RFC 9110 §11.6.1); what else a comma separates, the
    // parameters of a challenge, begins with no such scheme.
    http::ForEachListMember(header.value, [&found](std::string_view member) {
      found = found || HasConnectionScheme(member);
    });
    if (found) return true;
  }
  return false;
}

}  // namespace sallyport::proxy

#include "proxy/http/header_list.h"

#include <algorithm>

namespace sallyport::http {
namespace {

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

}  // namespace

bool SameLettersIgnoreCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(),
                    [](char x, char y) { return Lower(x) == Lower(y); });
}

HeaderId LookUpHeader(std::string_view name) {
  if (name.size() < 2) return HeaderId::kOther;
  const auto is = [name](std::string_view known) { return EqualsIgnoreCase(name, known); };
  // By the first letter, which rules out nearly everything.
  switch (Lower(name.front())) {
    case 'a':
      if (is("alt-svc")) return HeaderId::kAltSvc;
      if (is("authorization")) return HeaderId::kAuthorization;
      break;
    case 'c':
      if (is("connection")) return HeaderId::kConnection;
      if (is("content-length")) return HeaderId::kContentLength;
      break;
    case 'e':
      if (is("expect")) return HeaderId::kExpect;
      break;
    case 'h':
      if (is("host")) return HeaderId::kHost;
      if (is("http2-settings")) return HeaderId::kHttp2Settings;
      break;
    case 'k':
      if (is("keep-alive")) return HeaderId::kKeepAlive;
      break;
    case 'm':
      if (is("max-forwards")) return HeaderId::kMaxForwards;
      break;
    case 'p':
      if (name.size() > 6 && EqualsIgnoreCase(name.substr(0, 6), "proxy-")) return HeaderId::kProxy;
      break;
    case 's':
      if (is("sec-websocket-protocol")) return HeaderId::kSecWebSocketProtocol;
      break;
    case 't':
      if (is("te")) return HeaderId::kTe;
      if (is("transfer-encoding")) return HeaderId::kTransferEncoding;
      break;
    case 'u':
      if (is("upgrade")) return HeaderId::kUpgrade;
      break;
    case 'w':
      if (is("www-authenticate")) return HeaderId::kWwwAuthenticate;
      break;
    default:
      break;
  }
  return HeaderId::kOther;
}

const Header* HeaderList::Find(HeaderId id) const {
  for (const Header& header : headers_) {
    if (header.id == id) return &header;
  }
  return nullptr;
}

const Header* HeaderList::Find(std::string_view name) const {
  for (const Header& header : headers_) {
    if (EqualsIgnoreCase(header.name, name)) return &header;
  }
  return nullptr;
}

void HeaderList::Replace(const Header& header) {
  bool written = false;
  std::erase_if(headers_, [&](Header& old) {
    if (!EqualsIgnoreCase(old.name, header.name)) return false;
    if (written) return true;
    old = header;
    written = true;
    return false;
  });
  if (!written) headers_.push_back(header);
}

}  // namespace sallyport::http

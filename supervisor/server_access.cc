#include "supervisor/server_access.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/json.h"

namespace sallyport::supervisor {
namespace {

bool IsWildcard(const IpAddress& address) {
  const auto bytes = address.bytes();
  return std::all_of(bytes.begin(), bytes.end(), [](uint8_t byte) { return byte == 0; });
}

}  // namespace

std::optional<ClientAddress> FindClientAddress(const std::vector<std::string>& listen_addresses) {
  for (const std::string& text : listen_addresses) {
    const auto listen = proxy::ListenAddress::Parse(text);
    if (!listen.ok() || !listen->unix_path.empty()) continue;
    if (!IsWildcard(listen->address))
      return ClientAddress{listen->address.ToString(), listen->port};
    return ClientAddress{listen->address.is_v4() ? "127.0.0.1" : "::1", listen->port};
  }
  return std::nullopt;
}

std::string ReadyFileText(const proxy::Server& server) {
  const std::vector<std::string>& listen = server.listen_addresses();
  const std::optional<ClientAddress> address = FindClientAddress(listen);
  std::string text = "{\"proxy\":";
  AppendJsonString(&text,
                   address.has_value()
                       ? fmt::format("http://{}", FormatHostPort(address->host, address->port))
                       : listen.front());
  text += ",\"listen\":[";
  for (size_t i = 0; i < listen.size(); ++i) {
    if (i > 0) text.push_back(',');
    AppendJsonString(&text, listen[i]);
  }
  text += "],\"ca\":";
  AppendJsonString(&text, server.ca_file());
  text += ",\"caBundle\":";
  AppendJsonString(&text, server.ca_bundle_file());
  text += ",\"admin\":";
  const std::string& admin = server.admin_address();
  if (admin.empty()) {
    text += "null";
  } else {
    AppendJsonString(&text, admin.starts_with("unix:") ? admin : fmt::format("http://{}", admin));
  }
  text += "}\n";
  return text;
}

ProxyAccess MakeProxyAccess(const proxy::Server& server, const ClientAddress& address) {
  ProxyAccess access;
  access.host = address.host;
  access.port = address.port;
  access.ca_bundle_file = server.ca_bundle_file();
  access.placeholders = server.PlaceholderVariables();
  return access;
}

}  // namespace sallyport::supervisor

#include "proxy/http/h2_fields.h"

namespace sallyport::http {
namespace {

bool IsCarried(const Header& header) {
  switch (header.id) {
    case HeaderId::kConnection:
    case HeaderId::kHost:
    case HeaderId::kHttp2Settings:
    case HeaderId::kKeepAlive:
    case HeaderId::kTe:
    case HeaderId::kTransferEncoding:
    case HeaderId::kUpgrade:
      return false;
    case HeaderId::kProxy:
      return !EqualsIgnoreCase(header.name, "proxy-connection");
    default:
      return true;
  }
}

// nghttp2 only reads them.
uint8_t* Bytes(std::string_view text) {
  return reinterpret_cast<uint8_t*>(const_cast<char*>(text.data()));
}

}  // namespace

void H2Fields::Add(std::string_view name, std::string_view value, bool sensitive) {
  const auto flags =
      static_cast<uint8_t>(sensitive ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE);
  fields_.push_back({Bytes(name), Bytes(value), name.size(), value.size(), flags});
}

void H2Fields::AddAll(const HeaderList& headers) {
  for (const Header& header : headers) {
    if (IsCarried(header)) Add(header.name, header.value, header.sensitive);
  }
}

void StoredFields::Store(const HeaderList& headers) {
  Clear();
  for (const Header& header : headers) {
    if (!IsCarried(header)) continue;
    bytes_.append(header.name).append(header.value);
    entries_.push_back({header.name.size(), header.value.size(), header.sensitive});
  }
}

void StoredFields::Clear() {
  bytes_.clear();
  entries_.clear();
}

void StoredFields::AddTo(H2Fields* fields) const {
  std::string_view rest = bytes_;
  for (const Entry& entry : entries_) {
    const std::string_view name = rest.substr(0, entry.name_size);
    const std::string_view value = rest.substr(entry.name_size, entry.value_size);
    fields->Add(name, value, entry.sensitive);
    rest.remove_prefix(entry.name_size + entry.value_size);
  }
}

}  // namespace sallyport::http

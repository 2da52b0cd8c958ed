#ifndef SALLYPORT_PROXY_HTTP_HEADER_LIST_H_
#define SALLYPORT_PROXY_HTTP_HEADER_LIST_H_

#include <cstdint>
#include <string_view>
#include <vector>

namespace sallyport::http {

// The fields that the proxy itself looks at.
enum class HeaderId : uint8_t {
  kOther,
  kAltSvc,
  kAuthorization,
  kConnection,
  kContentLength,
  kExpect,
  kHost,
  kHttp2Settings,
  kKeepAlive,
  kMaxForwards,
  kProxy,  // every Proxy-*
  kSecWebSocketProtocol,
  kTe,
  kTransferEncoding,
  kUpgrade,
  kWwwAuthenticate,
};

// Case-insensitive, as field names are (RFC 9110 §5.1).
HeaderId LookUpHeader(std::string_view name);
// Of two texts of one size.
bool SameLettersIgnoreCase(std::string_view a, std::string_view b);
inline bool EqualsIgnoreCase(std::string_view a, std::string_view b) {
  // Most names differ here already.
  return a.size() == b.size() && SameLettersIgnoreCase(a, b);
}

// Calls `visit` with each member of a comma-separated list (RFC 9110 §5.6.1), trimmed, empty ones
// left out.
template <typename Visit>
void ForEachListMember(std::string_view value, Visit visit) {
  while (!value.empty()) {
    const size_t comma = value.find(',');
    std::string_view member = value.substr(0, comma);
    value = comma == value.npos ? std::string_view() : value.substr(comma + 1);
    while (!member.empty() && (member.front() == ' ' || member.front() == '\t')) {
      member.remove_prefix(1);
    }
    while (!member.empty() && (member.back() == ' ' || member.back() == '\t')) {
      member.remove_suffix(1);
    }
    if (!member.empty()) visit(member);
  }
}

struct Header {
  std::string_view name;
  std::string_view value;
  HeaderId id = HeaderId::kOther;
  // Holds a credential that this proxy wrote: never to be logged, never to enter an HPACK table.
  bool sensitive = false;
};

// Fields in the order they came. Views into memory that somebody else keeps: a message's arena, or
// a snapshot's secrets. Keeps its capacity when cleared.
class HeaderList {
 public:
  void Add(std::string_view name, std::string_view value) {
    headers_.push_back({name, value, LookUpHeader(name), false});
  }
  void Add(const Header& header) { headers_.push_back(header); }
  void Clear() { headers_.clear(); }
  size_t size() const { return headers_.size(); }
  bool empty() const { return headers_.empty(); }

  std::vector<Header>::iterator begin() { return headers_.begin(); }
  std::vector<Header>::iterator end() { return headers_.end(); }
  std::vector<Header>::const_iterator begin() const { return headers_.begin(); }
  std::vector<Header>::const_iterator end() const { return headers_.end(); }

  // The first field with that id or name; null if there is none.
  const Header* Find(HeaderId id) const;
  const Header* Find(std::string_view name) const;

  template <typename Predicate>
  void RemoveIf(Predicate predicate) {
    std::erase_if(headers_, predicate);
  }

  // Leaves exactly one field of that name, in the place of the first, or at the end.
  void Replace(const Header& header);

  void Swap(HeaderList& other) { headers_.swap(other.headers_); }

 private:
  std::vector<Header> headers_;
};

}  // namespace sallyport::http

#endif  // SALLYPORT_PROXY_HTTP_HEADER_LIST_H_

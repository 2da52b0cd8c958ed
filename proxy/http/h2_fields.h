#ifndef SALLYPORT_PROXY_HTTP_H2_FIELDS_H_
#define SALLYPORT_PROXY_HTTP_H2_FIELDS_H_

#include <nghttp2/nghttp2.h>

#include <string>
#include <string_view>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "proxy/http/header_list.h"

namespace sallyport::http {

// A field block to be sent, as nghttp2 takes it: views, which it copies when the block is submitted
// (and lower-cases the names of). Sensitive fields are never indexed (RFC 7541 §6.2.3).
class H2Fields {
 public:
  void Add(std::string_view name, std::string_view value, bool sensitive = false);
  // All but the fields that HTTP/2 does not carry (RFC 9113 §8.2.2), and Host, which is
  // :authority.
  void AddAll(const HeaderList& headers);

  const nghttp2_nv* data() const { return fields_.data(); }
  size_t size() const { return fields_.size(); }

 private:
  absl::InlinedVector<nghttp2_nv, 32> fields_;
};

// A copy of trailers that wait behind a body. Keeps its memory when cleared.
class StoredFields {
 public:
  void Store(const HeaderList& headers);
  void Clear();
  bool empty() const { return entries_.empty(); }
  // Views into this.
  void AddTo(H2Fields* fields) const;

 private:
  struct Entry {
    size_t name_size;
    size_t value_size;
    bool sensitive;
  };
  std::string bytes_;
  std::vector<Entry> entries_;
};

}  // namespace sallyport::http

#endif  // SALLYPORT_PROXY_HTTP_H2_FIELDS_H_

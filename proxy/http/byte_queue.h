#ifndef SALLYPORT_PROXY_HTTP_BYTE_QUEUE_H_
#define SALLYPORT_PROXY_HTTP_BYTE_QUEUE_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace sallyport::http {

// Bytes that wait, in order. One string that is used up from its front; keeps a little of its
// memory when it is empty, so that a warm stream allocates nothing.
class ByteQueue {
 public:
  bool empty() const { return begin_ == bytes_.size(); }
  size_t size() const { return bytes_.size() - begin_; }

  void Append(std::string_view bytes) {
    // Moves what is left only once as much has been used up: a byte moves once on average.
    if (begin_ > bytes_.size() / 2) {
      bytes_.erase(0, begin_);
      begin_ = 0;
    }
    bytes_.append(bytes);
  }

  // At most `limit` of the oldest bytes; valid until the queue changes.
  std::string_view Front(size_t limit) const {
    return std::string_view(bytes_).substr(begin_, limit);
  }

  void Consume(size_t size) {
    begin_ += size;
    if (begin_ == bytes_.size()) Clear();
  }

  void Clear() {
    begin_ = 0;
    if (bytes_.capacity() > kKeep) {
      std::string().swap(bytes_);
    } else {
      bytes_.clear();
    }
  }

 private:
  static constexpr size_t kKeep = size_t{4} * 1024;

  std::string bytes_;
  size_t begin_ = 0;
};

}  // namespace sallyport::http

#endif  // SALLYPORT_PROXY_HTTP_BYTE_QUEUE_H_

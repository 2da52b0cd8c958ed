#ifndef SALLYPORT_PROXY_HTTP_TOKEN_BUCKET_H_
#define SALLYPORT_PROXY_HTTP_TOKEN_BUCKET_H_

#include <algorithm>
#include <cstdint>

namespace sallyport::http {

// What a peer may do for nothing: `burst` times at once, `per_second` in the long run.
class TokenBucket {
 public:
  TokenBucket(uint32_t burst, uint32_t per_second, uint64_t now_ms)
      : burst_(int64_t{burst} * kUnit),
        per_ms_(per_second),
        thousandths_(burst_),
        filled_ms_(now_ms) {}

  // False when there is none left.
  bool Take(uint64_t now_ms) {
    // Past this the bucket is full whatever was in it; the product cannot overflow below it.
    const uint64_t elapsed = std::min<uint64_t>(now_ms - filled_ms_, kLongestMs);
    filled_ms_ = now_ms;
    thousandths_ = std::min(burst_, thousandths_ + static_cast<int64_t>(elapsed) * per_ms_);
    if (thousandths_ < kUnit) return false;
    thousandths_ -= kUnit;
    return true;
  }

  // For something useful.
  void Give(uint32_t tokens) {
    thousandths_ = std::min(burst_, thousandths_ + int64_t{tokens} * kUnit);
  }

 private:
  static constexpr int64_t kUnit = 1000;
  static constexpr uint64_t kLongestMs = 86'400'000;

  int64_t burst_;
  int64_t per_ms_;  // thousandths of a token a millisecond
  int64_t thousandths_;
  uint64_t filled_ms_;
};

}  // namespace sallyport::http

#endif  // SALLYPORT_PROXY_HTTP_TOKEN_BUCKET_H_

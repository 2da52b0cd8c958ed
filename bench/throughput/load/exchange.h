#ifndef SALLYPORT_BENCH_THROUGHPUT_LOAD_EXCHANGE_H_
#define SALLYPORT_BENCH_THROUGHPUT_LOAD_EXCHANGE_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace sallyport::bench {

// The one request that a run sends again and again, and the reply that each must get.
struct Exchange {
  std::string method = "GET";
  std::string path;
  std::string authority;      // of Host and :authority
  std::string authorization;  // what the client knows: a placeholder; empty sends none
  uint64_t upload = 0;        // length of the request's body

  uint64_t reply_length = 0;
  // What the origin must say of the Authorization that it received: "yes" or "no".
  std::string credential;
};

// The request's HTTP/1.1 head.
std::string RequestHead(const Exchange& exchange);

// Reads one HTTP/1.1 reply and compares it with what was due: status 200, the exact length, every
// byte of the body, the origin's word on the credential and on what it received.
class ReplyReader {
 public:
  enum class State { kIncomplete, kComplete, kWrong };

  // `exchange` outlives the reader.
  explicit ReplyReader(const Exchange* exchange) : exchange_(exchange) {}

  // Takes bytes as they arrive. Bytes past the reply's end are wrong too.
  State Feed(std::string_view bytes);
  // Of kWrong.
  std::string_view problem() const { return problem_; }
  // Whether a complete reply was the connection's last.
  bool closes() const { return closes_; }
  // Ready for the next reply.
  void Reset();

 private:
  State Wrong(std::string_view problem);
  State FeedBody(std::string_view bytes);
  bool HeadIsRight(std::string_view head);

  const Exchange* exchange_;
  std::string partial_head_;
  bool in_body_ = false;
  uint64_t received_ = 0;
  bool closes_ = false;
  std::string problem_;
};

}  // namespace sallyport::bench

#endif  // SALLYPORT_BENCH_THROUGHPUT_LOAD_EXCHANGE_H_

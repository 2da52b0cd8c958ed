#ifndef SALLYPORT_PROXY_HTTP_CHUNKED_DECODER_H_
#define SALLYPORT_PROXY_HTTP_CHUNKED_DECODER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sallyport::http {

// Reads the chunked transfer coding (RFC 9112 §7.1) exactly as its grammar has it: at most 15 hex
// digits, CRLF and nothing else at line ends, well-formed extensions (which are dropped, as §7.1.1
// allows), bounded lines. This is our own code because here two readers that differ by one byte
// make request smuggling.
class ChunkedDecoder {
 public:
  enum class Result : uint8_t {
    kData,      // `data` holds bytes of the body
    kNeedMore,  // all of the input was used
    kDone,      // the body is complete; `trailer_lines` has the trailer section
    kError,
  };

  ChunkedDecoder() = default;
  void Reset() { *this = ChunkedDecoder(); }

  // Takes bytes from the front of `*input`. kData may come many times for one input.
  Result Decode(std::string_view* input, std::string_view* data);

  // "name: value" CRLF lines, without the empty line that ends them.
  const std::string& trailer_lines() const { return lines_; }

 private:
  enum class State : uint8_t {
    kSize,
    kExtension,
    kSizeLf,
    kData,
    kDataCr,
    kDataLf,
    kTrailer,
    kDone,
    kError,
  };

  State OnSizeByte(char c);
  State OnExtensionByte(char c);
  State OnTrailerByte(char c);

  State state_ = State::kSize;
  uint8_t size_digits_ = 0;
  uint64_t remaining_ = 0;
  // The extension of the current chunk, then the trailer section.
  std::string lines_;
};

}  // namespace sallyport::http

#endif  // SALLYPORT_PROXY_HTTP_CHUNKED_DECODER_H_

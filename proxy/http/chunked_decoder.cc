#include "proxy/http/chunked_decoder.h"

#include <algorithm>
#include <utility>

#include "base/hex.h"
#include "proxy/http/field_syntax.h"

namespace sallyport::http {
namespace {

// 60 bits: no sum of sizes overflows.
constexpr uint8_t kMaxSizeDigits = 15;
// Nobody uses extensions; this leaves room for the signed chunks of S3 uploads.
constexpr size_t kMaxExtension = 256;
constexpr size_t kMaxTrailer = size_t{64} * 1024;

// Takes a token or a quoted-string (RFC 9110 §5.6.4) off the front.
bool TakeValue(std::string_view* text) {
  if (text->empty()) return false;
  if (text->front() != '"') {
    const size_t end = std::min(text->find_first_of("; \t="), text->size());
    if (!IsToken(text->substr(0, end))) return false;
    text->remove_prefix(end);
    return true;
  }
  for (size_t i = 1; i < text->size(); ++i) {
    if ((*text)[i] == '\\') {
      ++i;
    } else if ((*text)[i] == '"') {
      text->remove_prefix(i + 1);
      return true;
    }
  }
  return false;
}

// *( BWS ";" BWS name [ BWS "=" BWS value ] )
bool IsExtension(std::string_view text) {
  if (!IsFieldValue(text)) return false;
  text = TrimWhitespace(text);
  while (!text.empty()) {
    if (text.front() != ';') return false;
    text = TrimWhitespace(text.substr(1));
    if (text.empty() || text.front() == '"' || !TakeValue(&text)) return false;
    text = TrimWhitespace(text);
    if (text.empty() || text.front() != '=') continue;
    text = TrimWhitespace(text.substr(1));
    if (!TakeValue(&text)) return false;
    text = TrimWhitespace(text);
  }
  return true;
}

}  // namespace

ChunkedDecoder::State ChunkedDecoder::OnSizeByte(char c) {
  const int digit = HexDigit(c);
  if (digit >= 0) {
    if (++size_digits_ > kMaxSizeDigits) return State::kError;
    remaining_ = remaining_ << 4 | static_cast<uint64_t>(digit);
    return State::kSize;
  }
  if (size_digits_ == 0) return State::kError;
  if (c == '\r') return State::kSizeLf;
  if (c != ';') return State::kError;
  lines_.assign(1, c);
  return State::kExtension;
}

ChunkedDecoder::State ChunkedDecoder::OnExtensionByte(char c) {
  if (c == '\r') {
    const bool valid = IsExtension(lines_);
    lines_.clear();
    return valid ? State::kSizeLf : State::kError;
  }
  lines_.push_back(c);
  return lines_.size() > kMaxExtension ? State::kError : State::kExtension;
}

// The section ends with an empty line: CRLF at its very beginning or after a line.
ChunkedDecoder::State ChunkedDecoder::OnTrailerByte(char c) {
  const bool after_cr = !lines_.empty() && lines_.back() == '\r';
  if ((c == '\n') != after_cr) return State::kError;
  lines_.push_back(c);
  if (lines_.size() > kMaxTrailer) return State::kError;
  if (c == '\n' && (lines_.size() == 2 || lines_.ends_with("\r\n\r\n"))) {
    lines_.resize(lines_.size() - 2);
    return State::kDone;
  }
  return State::kTrailer;
}

ChunkedDecoder::Result ChunkedDecoder::Decode(std::string_view* input, std::string_view* data) {
  while (state_ != State::kDone && state_ != State::kError) {
    if (input->empty()) return Result::kNeedMore;
    if (state_ == State::kData) {
      const size_t size = std::min<uint64_t>(remaining_, input->size());
      *data = input->substr(0, size);
      input->remove_prefix(size);
      remaining_ -= size;
      if (remaining_ == 0) state_ = State::kDataCr;
      return Result::kData;
    }
    const char c = input->front();
    input->remove_prefix(1);
    switch (state_) {
      case State::kSize:
        state_ = OnSizeByte(c);
        break;
      case State::kExtension:
        state_ = OnExtensionByte(c);
        break;
      case State::kSizeLf:
        size_digits_ = 0;
        state_ = c != '\n' ? State::kError : remaining_ == 0 ? State::kTrailer : State::kData;
        break;
      case State::kDataCr:
        state_ = c == '\r' ? State::kDataLf : State::kError;
        break;
      case State::kDataLf:
        state_ = c == '\n' ? State::kSize : State::kError;
        break;
      case State::kTrailer:
        state_ = OnTrailerByte(c);
        break;
      case State::kData:
      case State::kDone:
      case State::kError:
        break;
    }
  }
  return state_ == State::kDone ? Result::kDone : Result::kError;
}

}  // namespace sallyport::http

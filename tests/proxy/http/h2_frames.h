#ifndef SALLYPORT_TESTS_PROXY_HTTP_H2_FRAMES_H_
#define SALLYPORT_TESTS_PROXY_HTTP_H2_FRAMES_H_

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// HTTP/2 frames written and read by hand (RFC 9113 §4.1), so that a test can say what no library
// would let it say.
namespace sallyport::http {

using FieldLines = std::vector<std::pair<std::string, std::string>>;

inline constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
inline constexpr uint8_t kEndStream = NGHTTP2_FLAG_END_STREAM;
inline constexpr uint8_t kEndHeaders = NGHTTP2_FLAG_END_HEADERS;

inline std::string Number(uint64_t value, int bytes) {
  std::string text;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    text.push_back(static_cast<char>(value >> shift & 0xFF));
  }
  return text;
}

inline std::string Frame(uint8_t type, uint8_t flags, uint32_t stream, std::string_view payload) {
  return Number(payload.size(), 3) + Number(type, 1) + Number(flags, 1) + Number(stream, 4) +
         std::string(payload);
}

// An HPACK string without Huffman (RFC 7541 §5.2).
inline std::string HpackString(std::string_view text) {
  std::string out;
  if (text.size() < 127) {
    out.push_back(static_cast<char>(text.size()));
  } else {
    out.push_back(127);
    size_t rest = text.size() - 127;
    for (; rest >= 128; rest /= 128) out.push_back(static_cast<char>(rest % 128 + 128));
    out.push_back(static_cast<char>(rest));
  }
  return out.append(text);
}

// Literals without indexing (§6.2.2).
inline std::string Block(const FieldLines& fields) {
  std::string block;
  for (const auto& [name, value] : fields) {
    block.push_back('\0');
    block += HpackString(name) + HpackString(value);
  }
  return block;
}

inline std::string Headers(uint32_t stream, const FieldLines& fields,
                           uint8_t flags = kEndHeaders | kEndStream) {
  return Frame(NGHTTP2_HEADERS, flags, stream, Block(fields));
}
inline std::string Data(uint32_t stream, std::string_view bytes, uint8_t flags = 0) {
  return Frame(NGHTTP2_DATA, flags, stream, bytes);
}
inline std::string Settings(const std::vector<std::pair<uint16_t, uint32_t>>& entries = {}) {
  std::string payload;
  for (const auto& [id, value] : entries) payload += Number(id, 2) + Number(value, 4);
  return Frame(NGHTTP2_SETTINGS, 0, 0, payload);
}
inline std::string SettingsAck() { return Frame(NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0, ""); }
inline std::string RstStream(uint32_t stream, uint32_t code) {
  return Frame(NGHTTP2_RST_STREAM, 0, stream, Number(code, 4));
}
inline std::string WindowUpdate(uint32_t stream, uint32_t increment) {
  return Frame(NGHTTP2_WINDOW_UPDATE, 0, stream, Number(increment, 4));
}
inline std::string Goaway(uint32_t last, uint32_t code) {
  return Frame(NGHTTP2_GOAWAY, 0, 0, Number(last, 4) + Number(code, 4));
}
inline std::string Ping() { return Frame(NGHTTP2_PING, 0, 0, "12345678"); }

// A frame as it was written. Header blocks are decoded.
struct SeenFrame {
  uint8_t type = 0;
  uint8_t flags = 0;
  uint32_t stream = 0;
  std::string payload;
  FieldLines fields;
  std::vector<std::string> never_indexed;  // names

  bool ends_stream() const { return (flags & kEndStream) != 0; }
  // Of RST_STREAM; of GOAWAY with `at` 4.
  uint32_t code(size_t at = 0) const { return ReadNumber(payload, at, 4); }

  static uint32_t ReadNumber(std::string_view text, size_t at, size_t bytes) {
    uint32_t value = 0;
    for (size_t i = 0; i < bytes; ++i) value = value << 8 | static_cast<uint8_t>(text[at + i]);
    return value;
  }
};

class FrameReader {
 public:
  FrameReader() { nghttp2_hd_inflate_new(&inflater_); }
  ~FrameReader() { nghttp2_hd_inflate_del(inflater_); }
  FrameReader(const FrameReader&) = delete;
  FrameReader& operator=(const FrameReader&) = delete;

  // Skips a client's preface.
  std::vector<SeenFrame> Read(std::string_view bytes) {
    if (bytes.starts_with(kPreface)) bytes.remove_prefix(kPreface.size());
    std::vector<SeenFrame> frames;
    while (bytes.size() >= 9) {
      const size_t size = SeenFrame::ReadNumber(bytes, 0, 3);
      SeenFrame frame;
      frame.type = static_cast<uint8_t>(bytes[3]);
      frame.flags = static_cast<uint8_t>(bytes[4]);
      frame.stream = SeenFrame::ReadNumber(bytes, 5, 4);
      frame.payload = bytes.substr(9, size);
      bytes.remove_prefix(9 + size);
      if (frame.type == NGHTTP2_HEADERS) Inflate(&frame);
      frames.push_back(std::move(frame));
    }
    return frames;
  }

 private:
  void Inflate(SeenFrame* frame) {
    std::string_view rest = frame->payload;
    while (true) {
      nghttp2_nv field;
      int flags = 0;
      const ssize_t taken = nghttp2_hd_inflate_hd2(
          inflater_, &field, &flags, reinterpret_cast<const uint8_t*>(rest.data()), rest.size(), 1);
      if (taken < 0) return;
      rest.remove_prefix(static_cast<size_t>(taken));
      if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
        frame->fields.emplace_back(std::string(field.name, field.name + field.namelen),
                                   std::string(field.value, field.value + field.valuelen));
        if ((field.flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0) {
          frame->never_indexed.push_back(frame->fields.back().first);
        }
      }
      if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) break;
    }
    nghttp2_hd_inflate_end_headers(inflater_);
  }

  nghttp2_hd_inflater* inflater_ = nullptr;
};

// "HEADERS 1 :status=200 end", one a frame, without SETTINGS and WINDOW_UPDATE.
inline std::vector<std::string> Describe(const std::vector<SeenFrame>& frames) {
  std::vector<std::string> lines;
  for (const SeenFrame& frame : frames) {
    std::string line;
    switch (frame.type) {
      case NGHTTP2_HEADERS:
        line = "HEADERS " + std::to_string(frame.stream);
        for (const auto& [name, value] : frame.fields) line += " " + name + "=" + value;
        break;
      case NGHTTP2_DATA:
        line = "DATA " + std::to_string(frame.stream) + " " + frame.payload;
        break;
      case NGHTTP2_RST_STREAM:
        line = "RST " + std::to_string(frame.stream) + " " + nghttp2_http2_strerror(frame.code());
        break;
      case NGHTTP2_GOAWAY:
        line =
            "GOAWAY " + std::to_string(frame.code(0)) + " " + nghttp2_http2_strerror(frame.code(4));
        break;
      case NGHTTP2_SETTINGS:
      case NGHTTP2_WINDOW_UPDATE:
        continue;
      default:
        line = "TYPE " + std::to_string(frame.type);
        break;
    }
    const bool may_end = frame.type == NGHTTP2_HEADERS || frame.type == NGHTTP2_DATA;
    if (may_end && frame.ends_stream()) line += " end";
    lines.push_back(std::move(line));
  }
  return lines;
}

// The sum of the WINDOW_UPDATEs of `stream`.
inline uint64_t WindowReturned(const std::vector<SeenFrame>& frames, uint32_t stream) {
  uint64_t sum = 0;
  for (const SeenFrame& frame : frames) {
    if (frame.type == NGHTTP2_WINDOW_UPDATE && frame.stream == stream) sum += frame.code();
  }
  return sum;
}

}  // namespace sallyport::http

#endif  // SALLYPORT_TESTS_PROXY_HTTP_H2_FRAMES_H_

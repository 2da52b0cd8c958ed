#include "proxy/dns/message.h"

#include <algorithm>

namespace sallyport::dns {
namespace {

constexpr size_t kHeaderSize = 12;
constexpr size_t kMaxLabel = 63;
constexpr size_t kMaxName = 253;  // as text; 255 bytes on the wire
constexpr uint16_t kClassIn = 1;

constexpr uint16_t kIsReply = 0x8000;
constexpr uint16_t kOpcode = 0x7800;
constexpr uint16_t kTruncated = 0x0200;
constexpr uint16_t kRecursionDesired = 0x0100;
constexpr uint16_t kRecursionAvailable = 0x0080;
// RFC 1035 §4.1.4: the name of the question, which begins right after the header.
constexpr uint16_t kPointerToQuestion = 0xc000 | kHeaderSize;

uint16_t ReadU16(std::string_view bytes, size_t at) {
  return static_cast<uint16_t>((static_cast<uint8_t>(bytes[at]) << 8) |
                               static_cast<uint8_t>(bytes[at + 1]));
}

void AppendU16(std::string* bytes, size_t value) {
  bytes->push_back(static_cast<char>(value >> 8));
  bytes->push_back(static_cast<char>(value));
}

bool IsPlainByte(char c) { return c > ' ' && c < 0x7f && c != '.'; }

// Reads a name from `*at` on and moves it behind. False where it is compressed, too long, cut
// short, or has bytes that its text would not tell apart.
bool ReadName(std::string_view bytes, size_t* at, std::string* name) {
  while (*at < bytes.size()) {
    const size_t length = static_cast<uint8_t>(bytes[(*at)++]);
    if (length == 0) return true;
    if (length > kMaxLabel || length > bytes.size() - *at) return false;
    const std::string_view label = bytes.substr(*at, length);
    if (!std::all_of(label.begin(), label.end(), IsPlainByte)) return false;
    if (!name->empty()) name->push_back('.');
    name->append(label);
    if (name->size() > kMaxName) return false;
    *at += length;
  }
  return false;
}

// Fills in the question; false if there is none that is sound.
bool ReadQuestion(std::string_view bytes, Query* query) {
  size_t at = kHeaderSize;
  if (!ReadName(bytes, &at, &query->name) || bytes.size() - at < 4) return false;
  query->type = static_cast<RecordType>(ReadU16(bytes, at));
  query->question = bytes.substr(kHeaderSize, at + 4 - kHeaderSize);
  if (ReadU16(bytes, at + 2) != kClassIn) query->refusal = ReplyCode::kRefused;
  return true;
}

}  // namespace

std::optional<Query> ParseQuery(std::string_view bytes) {
  if (bytes.size() < kHeaderSize) return std::nullopt;
  const uint16_t flags = ReadU16(bytes, 2);
  if ((flags & kIsReply) != 0) return std::nullopt;
  Query query;
  query.id = ReadU16(bytes, 0);
  query.flags = flags & (kOpcode | kRecursionDesired);
  const uint16_t questions = ReadU16(bytes, 4);
  const uint16_t answers = ReadU16(bytes, 6);
  if ((flags & kOpcode) != 0) {
    query.refusal = ReplyCode::kNotImplemented;
  } else if ((flags & kTruncated) != 0 || questions != 1 || answers != 0 ||
             !ReadQuestion(bytes, &query)) {
    query.refusal = ReplyCode::kFormatError;
  }
  return query;
}

std::string EncodeReply(const Query& query, ReplyCode code, const std::optional<IpAddress>& address,
                        uint32_t ttl_seconds) {
  std::string reply;
  AppendU16(&reply, query.id);
  AppendU16(&reply, kIsReply | query.flags | kRecursionAvailable | static_cast<uint16_t>(code));
  AppendU16(&reply, query.question.empty() ? 0 : 1);
  AppendU16(&reply, address.has_value() ? 1 : 0);
  AppendU16(&reply, 0);
  AppendU16(&reply, 0);
  reply += query.question;
  if (!address.has_value()) return reply;
  const auto data = address->bytes();
  AppendU16(&reply, kPointerToQuestion);
  AppendU16(&reply, static_cast<uint16_t>(address->is_v4() ? RecordType::kA : RecordType::kAaaa));
  AppendU16(&reply, kClassIn);
  AppendU16(&reply, ttl_seconds >> 16);
  AppendU16(&reply, ttl_seconds & 0xffff);
  AppendU16(&reply, data.size());
  reply.append(data.begin(), data.end());
  return reply;
}

}  // namespace sallyport::dns

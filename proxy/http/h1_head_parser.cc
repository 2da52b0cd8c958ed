#include "proxy/http/h1_head_parser.h"

#include <llhttp.h>

#include <charconv>
#include <cstring>

#include "proxy/http/field_syntax.h"

namespace sallyport::http {
namespace {

// Two empty lines before a request is what old browsers sent after a POST; more is an attack.
constexpr size_t kMaxLeadingEmptyLines = 2;

// What llhttp found, as views into the head.
struct Parsed {
  std::string_view reason;
  std::string_view name;
  std::string_view value;
  HeaderList* headers = nullptr;
  size_t max_fields = 0;
  bool too_many_fields = false;
  bool complete = false;
};

// llhttp may report one token in several adjacent pieces.
void Extend(std::string_view* view, const char* at, size_t length) {
  if (view->empty()) {
    *view = {at, length};
  } else {
    *view = {view->data(), view->size() + length};
  }
}

Parsed& ParsedOf(llhttp_t* parser) { return *static_cast<Parsed*>(parser->data); }

llhttp_settings_t MakeSettings() {
  llhttp_settings_t settings;
  llhttp_settings_init(&settings);
  settings.on_status = [](llhttp_t* parser, const char* at, size_t length) {
    Extend(&ParsedOf(parser).reason, at, length);
    return 0;
  };
  settings.on_header_field = [](llhttp_t* parser, const char* at, size_t length) {
    Extend(&ParsedOf(parser).name, at, length);
    return 0;
  };
  settings.on_header_value = [](llhttp_t* parser, const char* at, size_t length) {
    Extend(&ParsedOf(parser).value, at, length);
    return 0;
  };
  settings.on_header_value_complete = [](llhttp_t* parser) {
    Parsed& parsed = ParsedOf(parser);
    if (parsed.headers->size() == parsed.max_fields) {
      parsed.too_many_fields = true;
      return static_cast<int>(HPE_USER);
    }
    parsed.headers->Add(parsed.name, TrimWhitespace(parsed.value));
    parsed.name = {};
    parsed.value = {};
    return 0;
  };
  settings.on_headers_complete = [](llhttp_t* parser) {
    ParsedOf(parser).complete = true;
    return static_cast<int>(HPE_PAUSED);
  };
  return settings;
}

// `pieces` are run through llhttp one after another; the last ends the head.
bool RunLlhttp(llhttp_type_t type, std::initializer_list<std::string_view> pieces,
               MessageBuffers* buffers, const Limits& limits, llhttp_t* parser, Parsed* parsed,
               HeadError* error) {
  static const llhttp_settings_t settings = MakeSettings();
  llhttp_init(parser, type, &settings);
  parser->data = parsed;
  parsed->headers = &buffers->headers;
  parsed->max_fields = limits.max_fields;
  llhttp_errno_t result = HPE_OK;
  for (const std::string_view piece : pieces) {
    result = llhttp_execute(parser, piece.data(), piece.size());
    if (result != HPE_OK) break;
  }
  if (parsed->complete && result == HPE_PAUSED) return true;
  error->too_large = parsed->too_many_fields;
  const char* reason = llhttp_get_error_reason(parser);
  if (parsed->too_many_fields) {
    error->message = "too many header fields";
  } else {
    // None when the head ended before llhttp saw its end.
    error->message = reason != nullptr ? reason : "not an HTTP/1.1 message";
  }
  return false;
}

bool Refuse(HeadError* error, std::string_view message) {
  error->message = message;
  return false;
}

// What both kinds of head have in common.
struct FieldFacts {
  const Header* content_length = nullptr;
  const Header* transfer_encoding = nullptr;
  bool connection_close = false;
  bool connection_keep_alive = false;
  bool connection_upgrade = false;
};

bool CheckFields(const HeaderList& headers, FieldFacts* facts, HeadError* error) {
  for (const Header& header : headers) {
    if (!IsToken(header.name)) return Refuse(error, "a header field's name is not a token");
    if (!IsFieldValue(header.value)) return Refuse(error, "control byte in a header field");
    switch (header.id) {
      case HeaderId::kContentLength:
        if (facts->content_length != nullptr) return Refuse(error, "more than one Content-Length");
        facts->content_length = &header;
        break;
      case HeaderId::kTransferEncoding:
        if (facts->transfer_encoding != nullptr) {
          return Refuse(error, "more than one Transfer-Encoding");
        }
        facts->transfer_encoding = &header;
        break;
      case HeaderId::kConnection:
        ForEachListMember(header.value, [facts](std::string_view member) {
          facts->connection_close |= EqualsIgnoreCase(member, "close");
          facts->connection_keep_alive |= EqualsIgnoreCase(member, "keep-alive");
          facts->connection_upgrade |= EqualsIgnoreCase(member, "upgrade");
        });
        break;
      default:
        break;
    }
  }
  if (facts->content_length != nullptr && facts->transfer_encoding != nullptr) {
    return Refuse(error, "both Content-Length and Transfer-Encoding");
  }
  if (facts->transfer_encoding != nullptr &&
      !EqualsIgnoreCase(facts->transfer_encoding->value, "chunked")) {
    return Refuse(error, "a Transfer-Encoding other than chunked");
  }
  return true;
}

// RFC 9112 §9.3.
bool KeepsAlive(const FieldFacts& facts, bool is_http10) {
  return !facts.connection_close && (!is_http10 || facts.connection_keep_alive);
}

bool ReadFraming(const FieldFacts& facts, BodyFraming* body, HeadError* error) {
  if (facts.transfer_encoding != nullptr) {
    body->kind = BodyKind::kStreamed;
    return true;
  }
  const std::optional<uint64_t> length = ParseContentLength(facts.content_length->value);
  if (!length.has_value()) return Refuse(error, "Content-Length is not a number");
  body->kind = BodyKind::kLength;
  body->length = *length;
  return true;
}

// A number with leading zeros is forwarded without them.
void CanonicalizeContentLength(uint64_t length, MessageBuffers* buffers) {
  for (Header& header : buffers->headers) {
    if (header.id != HeaderId::kContentLength) continue;
    if (header.value.size() > 1 && header.value.front() == '0') {
      header.value = buffers->arena.Copy(std::to_string(length));
    }
  }
}

// A request line or a status line, as far as it can be told without knowing which is due.
bool LooksLikeFirstLine(std::string_view line) {
  if (line.starts_with("HTTP/")) return true;
  const size_t version = line.rfind(' ');
  return version != line.npos && line.substr(version + 1).starts_with("HTTP/");
}

// The parts of "GET /path HTTP/1.1\r\n": single spaces and nothing else.
struct RequestLine {
  std::string_view method;
  std::string_view target;
};

std::optional<RequestLine> SplitRequestLine(std::string_view head) {
  const std::string_view line = head.substr(0, head.find("\r\n"));
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == line.npos || first == last) return std::nullopt;
  const RequestLine parts = {line.substr(0, first), line.substr(first + 1, last - first - 1)};
  if (parts.target.empty() || parts.target.find(' ') != parts.target.npos) return std::nullopt;
  return parts;
}

bool IsLetter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

bool IsTargetByte(char c) {
  const auto byte = static_cast<uint8_t>(c);
  return byte > 0x20 && byte != 0x7F && c != '#';
}

// Splits the target into its form's parts (RFC 9112 §3.2).
bool ReadTarget(std::string_view target, RequestHead* request, Arena* arena, HeadError* error) {
  for (char c : target) {
    if (!IsTargetByte(c)) return Refuse(error, "control byte, space or fragment in the target");
  }
  if (request->method == "CONNECT") {
    request->authority = target;
    return !target.empty() || Refuse(error, "CONNECT without an authority");
  }
  if (target == "*") {
    if (request->method != "OPTIONS") return Refuse(error, "target * is for OPTIONS");
    request->path = target;
    return true;
  }
  if (target.starts_with('/')) {
    request->path = target;
    return true;
  }
  const size_t colon = target.find("://");
  if (colon == target.npos) return Refuse(error, "the target is neither a path nor a URI");
  const std::string_view scheme = target.substr(0, colon);
  if (EqualsIgnoreCase(scheme, "http")) {
    request->scheme = "http";
  } else if (EqualsIgnoreCase(scheme, "https")) {
    request->scheme = "https";
  } else {
    return Refuse(error, "the target's scheme is neither http nor https");
  }
  const std::string_view rest = target.substr(colon + 3);
  const size_t path = rest.find_first_of("/?");
  request->authority = rest.substr(0, path);
  if (request->authority.empty()) return Refuse(error, "the target names no host");
  if (path == rest.npos) {
    request->path = request->method == "OPTIONS" ? "*" : "/";
  } else if (rest[path] == '?') {
    request->path = arena->Concat({"/", rest.substr(path)});
  } else {
    request->path = rest.substr(path);
  }
  return true;
}

bool ReadVersion(const llhttp_t& parser, bool* is_http10, HeadError* error) {
  if (parser.http_major != 1 || parser.http_minor > 1) {
    return Refuse(error, "the version is neither HTTP/1.0 nor HTTP/1.1");
  }
  *is_http10 = parser.http_minor == 0;
  return true;
}

}  // namespace

void HeadCollector::Reset() { *this = HeadCollector(); }

HeadCollector::Result HeadCollector::Collect(std::string_view* input, std::string* head,
                                             const Limits& limits) {
  if (head->empty()) {
    while (input->starts_with("\r\n")) {
      if (++empty_lines_ > kMaxLeadingEmptyLines) return Result::kMalformed;
      input->remove_prefix(2);
    }
    // Half of an empty line decides nothing yet, and '\r' begins no head.
    if (*input == "\r") {
      head->append(*input);
      input->remove_prefix(1);
      return Result::kNeedMore;
    }
    // Methods and "HTTP/" begin with a letter. What does not, a TLS ClientHello say, need not be
    // waited for to be refused.
    if (!input->empty() && !IsLetter(input->front())) return Result::kMalformed;
  } else if (*head == "\r" && !input->empty()) {
    if (input->front() != '\n') return Result::kMalformed;
    if (++empty_lines_ > kMaxLeadingEmptyLines) return Result::kMalformed;
    head->clear();
    input->remove_prefix(1);
    return Collect(input, head, limits);
  }
  const size_t before = head->size();
  // One byte over the limits is enough to know.
  const size_t room = 2 * limits.max_head_bytes + 1 - before;
  head->append(input->substr(0, room));
  while (true) {
    const size_t end = head->find('\n', scanned_);
    if (end == head->npos) {
      scanned_ = head->size();
      break;
    }
    // Before anything else about the line, so that one answer is given however the bytes arrive.
    if (end + 1 - first_line_size_ > limits.max_head_bytes) return Result::kTooLarge;
    if (end == 0 || (*head)[end - 1] != '\r') return Result::kMalformed;
    const char* line = head->data() + line_begin_;
    const size_t size = end - 1 - line_begin_;
    if (std::memchr(line, '\r', size) != nullptr) return Result::kMalformed;
    // obs-fold (RFC 9112 §5.2), of which llhttp lets some forms through.
    if (size > 0 && (line[0] == ' ' || line[0] == '\t')) return Result::kMalformed;
    if (lines_ == 0) {
      first_line_size_ = end + 1;
      if (!LooksLikeFirstLine({line, size})) return Result::kMalformed;
    }
    if (size == 0 && lines_ > 0) {
      head->resize(end + 1);
      input->remove_prefix(end + 1 - before);
      return Result::kComplete;
    }
    ++lines_;
    line_begin_ = end + 1;
    scanned_ = end + 1;
    if (lines_ > limits.max_fields + 1) return Result::kTooLarge;
  }
  input->remove_prefix(head->size() - before);
  const size_t first_line = lines_ == 0 ? head->size() : first_line_size_;
  if (first_line > limits.max_head_bytes || head->size() - first_line > limits.max_head_bytes) {
    return Result::kTooLarge;
  }
  return Result::kNeedMore;
}

bool ParseRequestHead(MessageBuffers* buffers, const Limits& limits, RequestHead* request,
                      bool* keep_alive, HeadError* error) {
  llhttp_t parser;
  Parsed parsed;
  const std::string_view head = buffers->head;
  const std::optional<RequestLine> line = SplitRequestLine(head);
  if (!line.has_value()) return Refuse(error, "the request line is malformed");
  // llhttp gets a target of its liking in place of the real one, which ReadTarget looks at: it
  // knows no names with U-labels.
  const std::string_view stand_in = line->method == "CONNECT" ? "a:1" : "/";
  const size_t target_end = line->method.size() + 1 + line->target.size();
  if (!RunLlhttp(HTTP_REQUEST,
                 {head.substr(0, line->method.size() + 1), stand_in, head.substr(target_end)},
                 buffers, limits, &parser, &parsed, error)) {
    return false;
  }
  request->arena = &buffers->arena;
  request->method = llhttp_method_name(static_cast<llhttp_method_t>(parser.method));
  FieldFacts facts;
  if (!ReadVersion(parser, &request->is_http10, error) ||
      !CheckFields(buffers->headers, &facts, error) ||
      !ReadTarget(line->target, request, &buffers->arena, error)) {
    return false;
  }
  if (facts.transfer_encoding != nullptr && request->is_http10) {
    return Refuse(error, "Transfer-Encoding in HTTP/1.0");
  }
  *keep_alive = KeepsAlive(facts, request->is_http10);
  if (facts.transfer_encoding != nullptr || facts.content_length != nullptr) {
    if (!ReadFraming(facts, &request->body, error)) return false;
    if (request->body.kind == BodyKind::kLength) {
      CanonicalizeContentLength(request->body.length, buffers);
    }
  }
  size_t hosts = 0;
  for (const Header& header : buffers->headers) {
    if (header.id == HeaderId::kHost) {
      request->host = header.value;
      ++hosts;
    } else if (header.id == HeaderId::kUpgrade && facts.connection_upgrade) {
      request->upgrade = header.value;
    } else if (header.id == HeaderId::kTe) {
      ForEachListMember(header.value, [request](std::string_view member) {
        request->accepts_trailers |= EqualsIgnoreCase(member, "trailers");
      });
    }
  }
  if (hosts > 1) return Refuse(error, "more than one Host");
  if (hosts == 1 && request->host.empty()) return Refuse(error, "empty Host");
  if (hosts == 0 && !request->is_http10 && request->method != "CONNECT") {
    return Refuse(error, "no Host");
  }
  buffers->headers.RemoveIf([](const Header& header) { return header.id == HeaderId::kHost; });
  request->headers.Swap(buffers->headers);
  return true;
}

bool ParseResponseHead(MessageBuffers* buffers, const Limits& limits,
                       std::string_view request_method, ResponseHead* response, bool* keep_alive,
                       HeadError* error) {
  llhttp_t parser;
  Parsed parsed;
  if (!RunLlhttp(HTTP_RESPONSE, {buffers->head}, buffers, limits, &parser, &parsed, error))
    return false;
  response->arena = &buffers->arena;
  response->status = parser.status_code;
  response->reason = parsed.reason;
  bool is_http10 = false;
  FieldFacts facts;
  if (!ReadVersion(parser, &is_http10, error) || !CheckFields(buffers->headers, &facts, error)) {
    return false;
  }
  if (response->status < 100 || response->status > 999 || !IsFieldValue(response->reason)) {
    return Refuse(error, "bad status line");
  }
  if (facts.transfer_encoding != nullptr && is_http10) {
    return Refuse(error, "Transfer-Encoding in HTTP/1.0");
  }
  *keep_alive = KeepsAlive(facts, is_http10);
  if (response->status == 101) {
    const Header* upgrade = buffers->headers.Find(HeaderId::kUpgrade);
    if (upgrade != nullptr && facts.connection_upgrade) response->upgrade = upgrade->value;
  }
  const bool framed = facts.transfer_encoding != nullptr || facts.content_length != nullptr;
  BodyFraming body = {BodyKind::kUntilClose, 0};
  if (framed && !ReadFraming(facts, &body, error)) return false;
  // RFC 9112 §6.3: these never have a body, whatever their fields say.
  if (response->status < 200 || response->status == 204 || response->status == 304 ||
      request_method == "HEAD") {
    body = {};
  }
  if (body.kind == BodyKind::kUntilClose) *keep_alive = false;
  if (body.kind == BodyKind::kLength) CanonicalizeContentLength(body.length, buffers);
  response->body = body;
  response->headers.Swap(buffers->headers);
  return true;
}

}  // namespace sallyport::http

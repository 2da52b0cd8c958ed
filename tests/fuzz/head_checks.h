#ifndef SALLYPORT_TESTS_FUZZ_HEAD_CHECKS_H_
#define SALLYPORT_TESTS_FUZZ_HEAD_CHECKS_H_

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

#include "proxy/http/field_syntax.h"
#include "proxy/http/message.h"
#include "tests/fuzz/fuzz_input.h"

// What holds for every head that a codec passes on, whatever the peer sent.
namespace sallyport::fuzz {

inline bool HasNoControlBytes(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte <= 0x20 || byte == 0x7F;
  });
}

inline void CheckFields(const http::HeaderList& headers, const http::BodyFraming& body,
                        bool has_body_of_its_own) {
  size_t lengths = 0;
  size_t codings = 0;
  for (const http::Header& header : headers) {
    Require(http::IsToken(header.name), "a field's name is no token");
    Require(http::IsFieldValue(header.value), "a field's value has a control byte");
    Require(http::TrimWhitespace(header.value) == header.value, "a field's value is not trimmed");
    if (http::EqualsIgnoreCase(header.name, "Content-Length")) {
      ++lengths;
      uint64_t length = 0;
      const char* end = header.value.data() + header.value.size();
      const auto [stop, error] = std::from_chars(header.value.data(), end, length);
      Require(error == std::errc() && stop == end, "Content-Length is no number");
      Require(!has_body_of_its_own || std::to_string(length) == header.value,
              "Content-Length is not canonical");
      Require(
          !has_body_of_its_own || (body.kind == http::BodyKind::kLength && body.length == length),
          "Content-Length is not the body's");
    }
    if (http::EqualsIgnoreCase(header.name, "Transfer-Encoding")) {
      ++codings;
      Require(http::EqualsIgnoreCase(header.value, "chunked"), "another coding than chunked");
    }
  }
  Require(lengths + codings <= 1, "two framings in one head");
  if (!has_body_of_its_own) return;
  Require((body.kind == http::BodyKind::kStreamed) == (codings == 1), "chunked is lost");
  Require((body.kind == http::BodyKind::kLength) == (lengths == 1), "the length is lost");
}

inline void CheckRequestHead(const http::RequestHead& head) {
  Require(http::IsToken(head.method), "the method is no token");
  Require(HasNoControlBytes(head.path) && head.path.find('#') == head.path.npos,
          "the path has a byte that no target has");
  Require(HasNoControlBytes(head.authority), "the authority has a byte that no target has");
  Require(http::IsFieldValue(head.host), "Host has a control byte");
  if (head.method == "CONNECT") {
    Require(head.path.empty() && !head.authority.empty(), "CONNECT names no authority");
  } else if (head.path == "*") {
    Require(head.method == "OPTIONS", "* is for OPTIONS");
  } else {
    Require(head.path.starts_with('/'), "the path is not absolute");
    Require(head.scheme.empty() == head.authority.empty(), "half an absolute URI");
    Require(head.is_http10 || !head.host.empty(), "no Host");
  }
  Require(head.headers.Find(http::HeaderId::kHost) == nullptr, "Host is among the fields");
  CheckFields(head.headers, head.body, true);
}

// `method` is the request's.
inline void CheckResponseHead(const http::ResponseHead& head, std::string_view method) {
  Require(head.status >= 100 && head.status <= 999, "the status has not three digits");
  Require(http::IsFieldValue(head.reason), "the reason has a control byte");
  const bool bodiless =
      head.status < 200 || head.status == 204 || head.status == 304 || method == "HEAD";
  Require(!bodiless || head.body.kind == http::BodyKind::kNone, "a body where none can be");
  Require(bodiless || head.body.kind != http::BodyKind::kNone, "a reply without an end");
  CheckFields(head.headers, head.body, !bodiless);
}

// Everything in a head, as text that is equal where the heads are.
inline std::string Describe(const http::HeaderList& headers) {
  std::string text;
  for (const http::Header& header : headers) {
    text.append(header.name).append(": ").append(header.value).append("\n");
  }
  return text;
}

inline std::string Describe(const http::BodyFraming& body) {
  return fmt::format("body {} {}\n", static_cast<int>(body.kind), body.length);
}

inline std::string Describe(const http::RequestHead& head) {
  return fmt::format("{} {} {} {} {} {} {}\n{}{}", head.method, head.scheme, head.authority,
                     head.host, head.path, head.upgrade, head.accepts_trailers,
                     Describe(head.headers), Describe(head.body));
}

inline std::string Describe(const http::ResponseHead& head) {
  return fmt::format("{} {} {}\n{}{}", head.status, head.reason, head.upgrade,
                     Describe(head.headers), Describe(head.body));
}

}  // namespace sallyport::fuzz

#endif  // SALLYPORT_TESTS_FUZZ_HEAD_CHECKS_H_

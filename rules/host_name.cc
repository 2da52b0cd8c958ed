#include "rules/host_name.h"

#include <fmt/core.h>
#include <idn2.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "base/status.h"

namespace sallyport::rules {
namespace {

constexpr size_t kMaxName = 253;
constexpr size_t kMaxLabel = 63;
// A name of 253 bytes can be spelt in more where its letters are outside ASCII; nothing sensible
// needs more than this, and the mapping's cost is bounded by it.
constexpr size_t kMaxSpelling = 1024;

constexpr std::string_view kAcePrefix = "xn--";

bool IsNameByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

absl::Status BadByte(char c) {
  const auto byte = static_cast<uint8_t>(c);
  if (byte < 0x20 || byte == 0x7f) {
    return absl::InvalidArgumentError("a host cannot hold control characters");
  }
  if (c == ' ') return absl::InvalidArgumentError("a host cannot hold spaces");
  return absl::InvalidArgumentError(fmt::format("a host cannot hold '{}'", c));
}

// Bytes and label lengths of a name that is ASCII lower case already.
absl::Status CheckName(std::string_view name) {
  if (name.empty()) return absl::InvalidArgumentError("the host is empty");
  if (name.size() > kMaxName) {
    return absl::InvalidArgumentError("the host is longer than 253 bytes");
  }
  size_t label = 0;
  for (const char c : name) {
    if (c == '.') {
      if (label == 0) return absl::InvalidArgumentError("the host has an empty label");
      label = 0;
      continue;
    }
    if (!IsNameByte(c)) return BadByte(c);
    if (++label > kMaxLabel) {
      return absl::InvalidArgumentError("the host has a label longer than 63 bytes");
    }
  }
  if (label == 0) return absl::InvalidArgumentError("the host has an empty label");
  return absl::OkStatus();
}

// UTS 46 maps these three to '.', so that they part labels like it.
std::string WithPlainDots(std::string_view text) {
  static constexpr std::array<std::string_view, 3> kDots = {"\u3002", "\uff0e", "\uff61"};
  std::string result;
  result.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    bool dot = false;
    for (const std::string_view spelling : kDots) dot |= text.substr(i).starts_with(spelling);
    result.push_back(dot ? '.' : text[i]);
    i += dot ? 3 : 1;
  }
  return result;
}

// One label through libidn2, which also decodes and re-encodes A-labels to see that they are what
// UTS 46 would have made.
absl::StatusOr<std::string> ToALabel(const std::string& label) {
  char* output = nullptr;
  const int result =
      idn2_to_ascii_8z(label.c_str(), &output, IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT);
  const std::unique_ptr<char, decltype(&idn2_free)> owned(output, &idn2_free);
  if (result != IDN2_OK) {
    return absl::InvalidArgumentError(
        fmt::format("the host is not a valid internationalised name: {}", idn2_strerror(result)));
  }
  const std::string_view mapped = output;
  // Some characters map to a dot or to nothing; those never belong to a name.
  if (mapped.empty() || mapped.find('.') != mapped.npos) {
    return absl::InvalidArgumentError("the host is not a valid internationalised name");
  }
  return std::string(mapped);
}

absl::StatusOr<std::string> InternationalName(std::string_view text) {
  const std::string dotted = WithPlainDots(text);
  std::string name;
  size_t start = 0;
  while (start <= dotted.size()) {
    size_t end = dotted.find('.', start);
    if (end == dotted.npos) end = dotted.size();
    const std::string label = dotted.substr(start, end - start);
    bool plain = !label.starts_with(kAcePrefix);
    for (const char c : label) plain &= static_cast<uint8_t>(c) < 0x80;
    if (start != 0) name.push_back('.');
    if (plain) {
      name.append(label);
    } else {
      ASSIGN_OR_RETURN(const std::string ace, ToALabel(label));
      name.append(ace);
    }
    start = end + 1;
  }
  return name;
}

// One part of an inet_aton address; nothing if it is no number or above 2^32-1.
std::optional<uint32_t> ParsePart(std::string_view part) {
  if (part.empty()) return std::nullopt;
  uint32_t base = 10;
  if (part.starts_with("0x")) {
    base = 16;
    part.remove_prefix(2);
  } else if (part.size() > 1 && part[0] == '0') {
    base = 8;
    part.remove_prefix(1);
  }
  uint64_t value = 0;
  for (const char c : part) {
    uint32_t digit = 16;
    if (c >= '0' && c <= '9') digit = static_cast<uint32_t>(c - '0');
    if (c >= 'a' && c <= 'f') digit = static_cast<uint32_t>(c - 'a' + 10);
    if (digit >= base) return std::nullopt;
    value = value * base + digit;
    if (value > UINT32_MAX) return std::nullopt;
  }
  return static_cast<uint32_t>(value);
}

}  // namespace

absl::StatusOr<std::string> CanonicalName(std::string_view text) {
  if (text.size() > kMaxSpelling) {
    return absl::InvalidArgumentError("the host is longer than 253 bytes");
  }
  std::string name(text);
  bool international = false;
  size_t label_start = 0;
  for (size_t i = 0; i < name.size(); ++i) {
    char& c = name[i];
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c == '.') label_start = i + 1;
    const bool ascii = static_cast<uint8_t>(c) < 0x80;
    if (ascii && c != '.' && !IsNameByte(c)) return BadByte(c);
    const bool ace_label =
        i == label_start + 3 && std::string_view(name).substr(label_start, 4) == kAcePrefix;
    international |= !ascii || ace_label;
  }
  if (international) {
    ASSIGN_OR_RETURN(name, InternationalName(name));
  }
  if (name.ends_with('.')) name.pop_back();
  RETURN_IF_ERROR(CheckName(name));
  return name;
}

bool EndsInNumber(std::string_view name) {
  std::string_view last = name.substr(name.rfind('.') + 1);
  if (last.empty()) return false;
  if (last.starts_with("0x")) {
    return last.find_first_not_of("0123456789abcdef", 2) == last.npos;
  }
  return last.find_first_not_of("0123456789") == last.npos;
}

std::optional<IpAddress> ParseLooseV4(std::string_view name) {
  uint64_t value = 0;
  for (int parts = 1; parts <= 4; ++parts) {
    const size_t dot = name.find('.');
    const std::optional<uint32_t> part = ParsePart(name.substr(0, dot));
    if (!part.has_value()) return std::nullopt;
    if (dot == name.npos) {
      // The bytes that the parts before this one have left.
      const int bits = 8 * (5 - parts);
      if (uint64_t{*part} >> bits != 0) return std::nullopt;
      value = (value << bits) | *part;
      return IpAddress::V4({static_cast<uint8_t>(value >> 24), static_cast<uint8_t>(value >> 16),
                            static_cast<uint8_t>(value >> 8), static_cast<uint8_t>(value)});
    }
    if (*part > 0xff) return std::nullopt;
    value = (value << 8) | *part;
    name.remove_prefix(dot + 1);
  }
  return std::nullopt;
}

}  // namespace sallyport::rules

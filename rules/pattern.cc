#include "rules/pattern.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <array>
#include <iterator>
#include <optional>

#include "base/status.h"
#include "rules/glob.h"
#include "rules/host_name.h"
#include "rules/public_suffix.h"

namespace sallyport::rules {
namespace {

// Wide enough for any sensible expression, and small enough that thousands of them fit.
constexpr int64_t kRegexMemory = int64_t{1} << 20;

absl::StatusOr<Pattern> ParseRegex(std::string_view expression) {
  if (expression.empty()) {
    return absl::InvalidArgumentError("'~' must be followed by a regular expression");
  }
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kRegexMemory);
  auto regex = std::make_shared<RE2>(expression, options);
  if (!regex->ok()) {
    return absl::InvalidArgumentError(
        fmt::format("not a regular expression (RE2 syntax): {}", regex->error()));
  }
  Pattern pattern;
  pattern.kind = Pattern::Kind::kRegex;
  pattern.text = expression;
  pattern.regex = std::move(regex);
  return pattern;
}

absl::StatusOr<Pattern> ParseRange(std::string_view text) {
  const std::string_view base = text.substr(0, text.find('/'));
  if (!IpAddress::Parse(base).has_value()) {
    return absl::InvalidArgumentError(
        "a pattern has no path; write the host alone, as \"example.com\" or \"example.com:443\"");
  }
  Pattern pattern;
  pattern.kind = Pattern::Kind::kRange;
  ASSIGN_OR_RETURN(pattern.range, Cidr::Parse(text));
  return pattern;
}

// A label that may hold '*', in canonical form.
absl::StatusOr<std::string> CanonicalGlobLabel(std::string_view label) {
  if (label.find('*') == label.npos) return CanonicalName(label);
  // Everything but the stars is held to what a name may hold.
  std::string rest;
  std::string result(label);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (static_cast<uint8_t>(c) >= 0x80) {
      return absl::InvalidArgumentError(
          "beside '*' a label can hold ASCII only; write its A-label form (xn--…)");
    }
    if (c != '*') rest.push_back(c);
  }
  if (!rest.empty()) RETURN_IF_ERROR(CanonicalName(rest).status());
  return result;
}

absl::StatusOr<Pattern> ParseWildcard(std::string_view host) {
  std::string_view rest = host;
  if (rest.starts_with("**.")) {
    rest.remove_prefix(3);
  } else if (rest.starts_with("*.")) {
    rest.remove_prefix(2);
  }
  const bool any_depth = rest.size() != host.size();
  if (rest.size() > 1 && rest.ends_with('.')) rest.remove_suffix(1);
  if (rest.find("**") != rest.npos) {
    return absl::InvalidArgumentError(
        "'**' can only stand at the beginning, as in \"**.example.com\"");
  }
  if (rest.empty()) {
    return absl::InvalidArgumentError("the wildcard needs a name after it, as \"*.example.com\"");
  }
  std::string name;
  size_t start = 0;
  while (start <= rest.size()) {
    size_t end = rest.find('.', start);
    if (end == rest.npos) end = rest.size();
    const std::string_view label = rest.substr(start, end - start);
    if (label.empty()) return absl::InvalidArgumentError("the host has an empty label");
    ASSIGN_OR_RETURN(const std::string canonical, CanonicalGlobLabel(label));
    if (start != 0) name.push_back('.');
    name.append(canonical);
    start = end + 1;
  }
  if (name.size() > 253) return absl::InvalidArgumentError("the host is longer than 253 bytes");
  // "192.0.2.*" is meant as addresses too, though a name could be so called.
  const bool only_numbers = name.find_first_not_of("0123456789.*") == name.npos &&
                            name.find_first_not_of(".*") != name.npos;
  if (EndsInNumber(name) || only_numbers) {
    return absl::InvalidArgumentError(
        "an address takes no '*'; write a range, as \"192.0.2.0/24\"");
  }
  Pattern pattern;
  const bool plain = name.find('*') == name.npos;
  pattern.kind = plain ? Pattern::Kind::kSuffix : Pattern::Kind::kGlob;
  pattern.text = plain || !any_depth ? name : "**." + name;
  return pattern;
}

absl::StatusOr<Pattern> ParseHostPattern(std::string_view host) {
  if (host == "*") return Pattern{};
  if (host == "**") return absl::InvalidArgumentError("write \"*\" for every host");
  if (host.find('*') != host.npos) return ParseWildcard(host);
  if (host.size() > 1 && host.starts_with('.')) {
    return absl::InvalidArgumentError(
        "a pattern does not begin with '.'; write \"*.example.com\" for every subdomain");
  }
  Pattern pattern;
  pattern.kind = Pattern::Kind::kExact;
  ASSIGN_OR_RETURN(Host canonical, ParseHost(host));
  pattern.text = std::move(canonical.name);
  return pattern;
}

bool IsSubdomain(std::string_view name, std::string_view of) {
  return name.size() > of.size() + 1 && name.ends_with(of) &&
         name[name.size() - of.size() - 1] == '.';
}

// Whether an expression lets through names that no rule can mean: then it lets anybody's through.
bool RegexIsBoundless(const RE2& regex) {
  static constexpr std::array<std::string_view, 8> kProbes = {
      "qx7w-nobody-1.com",   "qx7w-nobody-1.net",   "qx7w-nobody-1.org",       "qx7w-nobody-1.io",
      "a.qx7w-nobody-1.com", "qx7w-nobody-1.co.uk", "qx7w-nobody-1.github.io", "qx7w-nobody-1.dev"};
  for (const std::string_view probe : kProbes) {
    const Authority authority = {.host = {.name = std::string(probe), .address = std::nullopt},
                                 .port = 443};
    if (RegexMatches(regex, authority)) return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<Pattern> Pattern::Parse(std::string_view text) {
  if (text.empty()) return absl::InvalidArgumentError("the pattern is empty");
  if (text.starts_with('~')) return ParseRegex(text.substr(1));
  if (text.find("://") != text.npos) {
    return absl::InvalidArgumentError(
        "a pattern has no scheme; write the host alone, as \"example.com\" or \"example.com:443\"");
  }
  if (text.find('/') != text.npos) return ParseRange(text);

  const size_t bracket = text.starts_with('[') ? text.find(']') : text.npos;
  const size_t colon = text.find(':', bracket == text.npos ? 0 : bracket);
  if (bracket == text.npos && IpAddress::Parse(text).has_value() && colon != text.npos) {
    return absl::InvalidArgumentError(
        fmt::format("an IPv6 address is written in brackets: \"[{}]\"", text));
  }
  ASSIGN_OR_RETURN(Pattern pattern, ParseHostPattern(text.substr(0, colon)));
  if (colon != text.npos) {
    const std::string_view port = text.substr(colon + 1);
    if (port == "*") {
      return absl::InvalidArgumentError("leave \":*\" out: without a port, any port matches");
    }
    ASSIGN_OR_RETURN(pattern.port, ParsePort(port));
  }
  return pattern;
}

bool Pattern::Matches(const Authority& authority) const {
  if (port != 0 && port != authority.port) return false;
  const std::string_view host = authority.host.name;
  switch (kind) {
    case Kind::kExact:
      return host == text;
    case Kind::kRange:
      return authority.host.address.has_value() && range.Contains(*authority.host.address);
    case Kind::kSuffix:
      return !authority.host.address.has_value() && IsSubdomain(host, text);
    case Kind::kGlob:
      return !authority.host.address.has_value() && MatchGlob(text, host, '.');
    case Kind::kRegex:
      return RegexMatches(*regex, authority);
    case Kind::kAny:
      return true;
  }
  return false;
}

bool Pattern::Covers(const Pattern& other) const {
  if (port != 0 && port != other.port) return false;
  const bool exact = other.kind == Kind::kExact;
  const std::optional<IpAddress> address =
      exact ? IpAddress::Parse(other.text) : std::optional<IpAddress>();
  switch (kind) {
    case Kind::kExact:
      return exact && other.text == text;
    case Kind::kRange:
      if (other.kind == Kind::kRange) return range.Contains(other.range);
      return address.has_value() && range.Contains(*address);
    case Kind::kSuffix:
      if (other.kind == Kind::kSuffix && other.text == text) return true;
      return (exact || other.kind == Kind::kSuffix || other.kind == Kind::kGlob) &&
             !address.has_value() && IsSubdomain(other.text, text);
    case Kind::kGlob:
      if (other.kind == Kind::kGlob) return other.text == text;
      return exact && !address.has_value() && MatchGlob(text, other.text, '.');
    case Kind::kRegex:
      if (other.kind == Kind::kRegex) return other.text == text;
      return exact && other.port != 0 &&
             RegexMatches(*regex,
                          {.host = {.name = other.text, .address = address}, .port = other.port});
    case Kind::kAny:
      return true;
  }
  return false;
}

bool Pattern::SpansPublicSuffix() const {
  switch (kind) {
    case Kind::kExact:
    case Kind::kRange:
      return false;
    case Kind::kSuffix:
      return IsPublicSuffix(text);
    case Kind::kGlob: {
      // The labels after the last one that holds a star.
      const size_t dot = text.find('.', text.rfind('*'));
      return dot == text.npos || IsPublicSuffix(std::string_view(text).substr(dot + 1));
    }
    case Kind::kRegex:
      return RegexIsBoundless(*regex);
    case Kind::kAny:
      return true;
  }
  return false;
}

uint64_t Pattern::Specificity() const {
  const auto rank = [this](uint64_t tier, uint64_t length) {
    return tier << 32 | length << 1 | (port != 0 ? 1 : 0);
  };
  switch (kind) {
    case Kind::kExact:
      return port != 0 ? rank(7, 0) : rank(6, 0);
    case Kind::kRange:
      return rank(5, range.prefix);
    case Kind::kSuffix:
      return rank(4, text.size() + 2);
    case Kind::kGlob:
      // "**." counts as the "*." that it stands for.
      return rank(4, text.size() - (text.starts_with("**.") ? 1 : 0));
    case Kind::kRegex:
      return rank(3, 0);
    case Kind::kAny:
      return port != 0 ? rank(2, 0) : rank(1, 0);
  }
  return 0;
}

std::string Pattern::ToString() const {
  std::string host;
  switch (kind) {
    case Kind::kExact:
      if (port != 0) return FormatHostPort(text, port);
      return text.find(':') == text.npos ? text : fmt::format("[{}]", text);
    case Kind::kRange:
      return range.ToString();
    case Kind::kSuffix:
      host = "*." + text;
      break;
    case Kind::kGlob:
      host = text.starts_with("**.") ? text.substr(1) : text;
      break;
    case Kind::kRegex:
      return "~" + text;
    case Kind::kAny:
      host = "*";
      break;
  }
  return port != 0 ? fmt::format("{}:{}", host, port) : host;
}

bool RegexMatches(const RE2& regex, const Authority& authority) {
  fmt::memory_buffer text;  // Holds the longest host and port without the heap.
  const bool v6 = authority.host.name.find(':') != std::string::npos;
  fmt::format_to(std::back_inserter(text), "{}{}{}:{}", v6 ? "[" : "", authority.host.name,
                 v6 ? "]" : "", authority.port);
  return RE2::FullMatch(re2::StringPiece(text.data(), text.size()), regex);
}

}  // namespace sallyport::rules

#include "rules/template.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <optional>

#include <fmt/format.h>

#include "absl/container/inlined_vector.h"
#include "base/status.h"

namespace sallyport::rules {
namespace {

// Each base64 makes a third more of what it gets; four already are more than anybody needs.
constexpr size_t kMaxFilters = 4;

constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kBase64Url =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

bool IsUnreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

bool IsNameStart(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

bool IsNameByte(char c) { return IsNameStart(c) || (c >= '0' && c <= '9') || c == '-'; }

bool IsControl(char c) { return static_cast<uint8_t>(c) < 0x20 || c == 0x7f; }

// A word of the template for an error message. Names are short; what is longer may be a credential
// in the wrong place, and is not repeated.
std::string Repeat(std::string_view word) {
  constexpr size_t kMaxRepeated = 16;
  if (word.empty() || word.size() > kMaxRepeated) return "";
  return fmt::format(" \"{}\"", word);
}

absl::Status ErrorAt(size_t offset, std::string_view what) {
  return absl::InvalidArgumentError(fmt::format("{} (at character {})", what, offset + 1));
}

// RFC 4648 §4 with padding, §5 without.
SecretString EncodeBase64(std::string_view input, std::string_view alphabet, bool padded) {
  const size_t rest = input.size() % 3;
  const size_t tail = rest == 0 ? 0 : (padded ? 4 : rest + 1);
  SecretString result = SecretString::OfSize(input.size() / 3 * 4 + tail);
  char* out = result.mutable_bytes();
  for (size_t i = 0; i < input.size(); i += 3) {
    const size_t count = std::min<size_t>(3, input.size() - i);
    uint32_t bits = 0;
    for (size_t j = 0; j < 3; ++j) {
      bits = bits << 8 | (j < count ? static_cast<uint8_t>(input[i + j]) : 0u);
    }
    for (size_t j = 0; j < 4; ++j) {
      if (j <= count) {
        *out++ = alphabet[bits >> (18 - 6 * j) & 63];
      } else if (padded) {
        *out++ = '=';
      }
    }
  }
  return result;
}

size_t UrlEncodedSize(std::string_view text) {
  const auto plain = static_cast<size_t>(std::count_if(text.begin(), text.end(), IsUnreserved));
  return plain + 3 * (text.size() - plain);
}

char* PutUrlEncoded(std::string_view text, char* out) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  for (const char c : text) {
    if (IsUnreserved(c)) {
      *out++ = c;
      continue;
    }
    *out++ = '%';
    *out++ = kHex[static_cast<uint8_t>(c) >> 4];
    *out++ = kHex[static_cast<uint8_t>(c) & 15];
  }
  return out;
}

SecretString EncodeUrl(std::string_view text) {
  SecretString result = SecretString::OfSize(UrlEncodedSize(text));
  PutUrlEncoded(text, result.mutable_bytes());
  return result;
}

}  // namespace

// Reads a template's text from left to right. Lives for one Parse call.
class TemplateParser {
 public:
  enum class Place { kField, kFile };

  TemplateParser(std::string_view text, const std::vector<std::string>& names,
                 Template::UnknownNames unknown, Place place)
      : text_(text), names_(names), unknown_(unknown), place_(place) {}

  absl::StatusOr<Template> Run() {
    Template result;
    result.text_ = text_;
    result.parts_.clear();
    std::string literal;
    while (at_ < text_.size()) {
      const std::string_view rest = text_.substr(at_);
      const bool is_layout = place_ == Place::kFile && (rest[0] == '\n' || rest[0] == '\t');
      if (IsControl(rest[0]) && !is_layout)
        return ErrorAt(at_, "control characters are not allowed");
      if (rest.starts_with("$${")) {
        literal += "${";
        at_ += 3;
      } else if (rest.starts_with("${")) {
        FlushLiteral(&literal, &result);
        ASSIGN_OR_RETURN(Template::Part part, ParsePart());
        result.parts_.push_back(std::move(part));
      } else {
        literal.push_back(text_[at_++]);
      }
    }
    FlushLiteral(&literal, &result);
    if (!uses_value_ && place_ == Place::kField) {
      return absl::InvalidArgumentError(
          "the value is not used; put ${value} where it belongs, as in \"Bearer ${value}\"");
    }
    return result;
  }

 private:
  static void FlushLiteral(std::string* literal, Template* result) {
    if (literal->empty()) return;
    result->parts_.push_back({.terms = {{.is_name = false, .text = *literal}}, .filters = {}});
    literal->clear();
  }

  // From "${" through "}".
  absl::StatusOr<Template::Part> ParsePart() {
    const size_t start = at_;
    at_ += 2;
    Template::Part part;
    while (true) {
      SkipSpaces();
      if (at_ == text_.size()) return ErrorAt(start, "\"${\" is not closed with \"}\"");
      const char c = text_[at_];
      if (c == '\'') {
        RETURN_IF_ERROR(ParseQuoted(&part));
      } else if (IsNameStart(c)) {
        RETURN_IF_ERROR(ParseName(&part));
      } else if (c == '}' || c == '|') {
        break;
      } else {
        return ErrorAt(at_, "inside ${…} only names, 'quoted literals' and '|' can stand");
      }
    }
    if (part.terms.empty()) return ErrorAt(at_, "a name such as \"value\" is missing here");
    while (text_[at_] == '|') {
      ++at_;
      RETURN_IF_ERROR(ParseFilter(&part));
      SkipSpaces();
      if (at_ == text_.size()) return ErrorAt(start, "\"${\" is not closed with \"}\"");
    }
    if (text_[at_] != '}') return ErrorAt(at_, "after a filter only '|' or '}' can stand");
    ++at_;
    return part;
  }

  absl::Status ParseQuoted(Template::Part* part) {
    const size_t start = at_;
    const size_t end = text_.find('\'', at_ + 1);
    if (end == text_.npos) return ErrorAt(start, "the quoted literal is not closed");
    const std::string_view literal = text_.substr(start + 1, end - start - 1);
    const auto control = std::find_if(literal.begin(), literal.end(), IsControl);
    if (control != literal.end()) {
      return ErrorAt(start + 1 + static_cast<size_t>(control - literal.begin()),
                     "control characters are not allowed");
    }
    part->terms.push_back({.is_name = false, .text = std::string(literal)});
    at_ = end + 1;
    return absl::OkStatus();
  }

  absl::Status ParseName(Template::Part* part) {
    const size_t start = at_;
    const std::string_view name = ReadWord();
    const bool known = std::find(names_.begin(), names_.end(), name) != names_.end();
    if (!known && unknown_ == Template::UnknownNames::kRefuse) {
      return ErrorAt(start, fmt::format("unknown name{}; what can stand here is {}", Repeat(name),
                                        fmt::join(names_, ", ")));
    }
    part->terms.push_back({.is_name = true, .text = std::string(name)});
    uses_value_ = true;
    return absl::OkStatus();
  }

  absl::Status ParseFilter(Template::Part* part) {
    SkipSpaces();
    const size_t start = at_;
    const std::string_view name = ReadWord();
    if (part->filters.size() == kMaxFilters) return ErrorAt(start, "at most 4 filters can follow");
    if (name == "base64") {
      part->filters.push_back(Template::Filter::kBase64);
    } else if (name == "base64url") {
      part->filters.push_back(Template::Filter::kBase64Url);
    } else if (name == "urlencode") {
      part->filters.push_back(Template::Filter::kUrlEncode);
    } else {
      return ErrorAt(
          start,
          fmt::format("unknown filter{}; there are base64, base64url and urlencode", Repeat(name)));
    }
    return absl::OkStatus();
  }

  void SkipSpaces() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }

  std::string_view ReadWord() {
    const size_t start = at_;
    while (at_ < text_.size() && IsNameByte(text_[at_])) ++at_;
    return text_.substr(start, at_ - start);
  }

  std::string_view text_;
  const std::vector<std::string>& names_;
  Template::UnknownNames unknown_;
  Place place_;
  size_t at_ = 0;
  bool uses_value_ = false;
};

Template::Template() : text_("${value}") {
  parts_.push_back({.terms = {{.is_name = true, .text = "value"}}, .filters = {}});
}

absl::StatusOr<Template> Template::Parse(std::string_view text,
                                         const std::vector<std::string>& names,
                                         UnknownNames unknown) {
  return TemplateParser(text, names, unknown, TemplateParser::Place::kField).Run();
}

absl::StatusOr<Template> Template::ParseFile(std::string_view text,
                                             const std::vector<std::string>& names) {
  return TemplateParser(text, names, UnknownNames::kRefuse, TemplateParser::Place::kFile).Run();
}

std::vector<std::string> Template::Names() const {
  std::vector<std::string> names;
  for (const Part& part : parts_) {
    for (const Term& term : part.terms) {
      const bool seen = std::find(names.begin(), names.end(), term.text) != names.end();
      if (term.is_name && !seen) names.push_back(term.text);
    }
  }
  return names;
}

SecretString Template::RenderPart(const Part& part, const Lookup& lookup) {
  size_t size = 0;
  for (const Term& term : part.terms)
    size += term.is_name ? lookup(term.text).size() : term.text.size();
  SecretString result = SecretString::OfSize(size);
  char* out = result.mutable_bytes();
  for (const Term& term : part.terms) {
    const std::string_view text = term.is_name ? lookup(term.text) : std::string_view(term.text);
    out = std::copy(text.begin(), text.end(), out);
  }
  for (const Filter filter : part.filters) {
    switch (filter) {
      case Filter::kBase64:
        result = EncodeBase64(result.Reveal(), kBase64, /*padded=*/true);
        break;
      case Filter::kBase64Url:
        result = EncodeBase64(result.Reveal(), kBase64Url, /*padded=*/false);
        break;
      case Filter::kUrlEncode:
        result = EncodeUrl(result.Reveal());
        break;
    }
  }
  return result;
}

SecretString Template::Render(const Lookup& lookup) const {
  // Literals and lone values, which most templates are made of, are copied straight to their place;
  // only what a filter changes is made beforehand.
  const auto direct = [&lookup](const Part& part) -> std::optional<std::string_view> {
    if (!part.filters.empty() || part.terms.size() != 1) return std::nullopt;
    const Term& term = part.terms[0];
    return term.is_name ? lookup(term.text) : std::string_view(term.text);
  };
  absl::InlinedVector<SecretString, 4> made;
  size_t size = 0;
  for (const Part& part : parts_) {
    const std::optional<std::string_view> text = direct(part);
    if (!text.has_value()) made.push_back(RenderPart(part, lookup));
    size += text.has_value() ? text->size() : made.back().size();
  }
  SecretString result = SecretString::OfSize(size);
  char* out = result.mutable_bytes();
  auto next_made = made.begin();
  for (const Part& part : parts_) {
    const std::optional<std::string_view> text = direct(part);
    const std::string_view bytes = text.has_value() ? *text : (next_made++)->Reveal();
    out = std::copy(bytes.begin(), bytes.end(), out);
  }
  return result;
}

SecretString Template::Render(std::string_view value) const {
  return Render([value](std::string_view) { return value; });
}

void AppendUrlEncoded(std::string_view text, std::string* out) {
  const size_t start = out->size();
  out->resize(start + UrlEncodedSize(text));
  PutUrlEncoded(text, out->data() + start);
}

}  // namespace sallyport::rules

#include "rules/text_form.h"

#include <algorithm>
#include <cstdint>

#include <fmt/core.h>

#include "rules/suggestion.h"

namespace sallyport::rules {
namespace {

// Shorter ones would be found where nobody meant them.
constexpr size_t kMinPlaceholder = 8;
constexpr size_t kMaxPlaceholder = 1024;
// Of provider types and properties.
constexpr size_t kMaxName = 64;

bool IsLetterOrDigit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// RFC 9110 §5.6.2.
bool IsToken(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return IsLetterOrDigit(c) ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

bool IsLower(char c) { return c >= 'a' && c <= 'z'; }

bool HasControl(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<uint8_t>(c) < 0x20 || c == 0x7f; });
}

bool EqualsIgnoringCase(std::string_view a, std::string_view lower) {
  return std::equal(a.begin(), a.end(), lower.begin(), lower.end(), [](char x, char y) {
    return (x >= 'A' && x <= 'Z' ? static_cast<char>(x - 'A' + 'a') : x) == y;
  });
}

bool IsForbidden(std::string_view header, std::string_view rule) {
  if (!rule.ends_with('*')) return EqualsIgnoringCase(header, rule);
  rule.remove_suffix(1);
  return EqualsIgnoringCase(header.substr(0, rule.size()), rule);
}

absl::Status CheckHeaderName(std::string_view name) {
  if (name.starts_with(':')) {
    return absl::InvalidArgumentError("a rule cannot write a pseudo-header");
  }
  if (!IsToken(name)) {
    return absl::InvalidArgumentError(
        "not a header name; write the name alone, as \"Authorization\" or \"x-api-key\"");
  }
  for (const std::string_view forbidden : ForbiddenHeaders()) {
    if (IsForbidden(name, forbidden)) {
      return absl::InvalidArgumentError(
          "a rule cannot write this header: it belongs to the connection, not to a credential");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckVariable(std::string_view name) {
  const bool good =
      !name.empty() && !(name[0] >= '0' && name[0] <= '9') &&
      std::all_of(name.begin(), name.end(), [](char c) { return IsLetterOrDigit(c) || c == '_'; });
  if (good) return absl::OkStatus();
  if (name.starts_with('$')) {
    return absl::InvalidArgumentError("write the variable's name alone, without \"$\"");
  }
  return absl::InvalidArgumentError(
      "not the name of a variable: letters, digits and '_', not beginning with a digit; the value "
      "itself does not belong here");
}

absl::Status CheckPathGlob(std::string_view glob) {
  if (!glob.starts_with('/')) {
    return absl::InvalidArgumentError("a path begins with '/', as in \"/v1/**\"");
  }
  if (glob.find_first_of("?#") != glob.npos) {
    return absl::InvalidArgumentError(
        "only the path is matched; leave out '?' or '#' and the rest");
  }
  if (glob.size() > 1024) return absl::InvalidArgumentError("longer than 1024 bytes");
  if (HasControl(glob)) return absl::InvalidArgumentError("control characters are not allowed");
  return absl::OkStatus();
}

absl::Status CheckPlaceholder(std::string_view text) {
  const bool visible =
      std::all_of(text.begin(), text.end(), [](char c) { return c >= '!' && c <= '~'; });
  if (visible && text.size() >= kMinPlaceholder && text.size() <= kMaxPlaceholder) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      fmt::format("must be {} to {} visible ASCII characters, without spaces", kMinPlaceholder,
                  kMaxPlaceholder));
}

absl::Status CheckPolicyHost(std::string_view host) {
  if (host.empty()) return absl::InvalidArgumentError("must not be empty");
  if (HasControl(host)) return absl::InvalidArgumentError("control characters are not allowed");
  if (host.starts_with('~')) {
    return absl::InvalidArgumentError(
        "a policy takes no regular expressions; name the host, or use a wildcard such as "
        "\"*.example.com\"");
  }
  if (host.find("://") != host.npos) {
    return absl::InvalidArgumentError("write the host alone, without a scheme or a path");
  }
  if (host.find('/') != host.npos) {
    return absl::InvalidArgumentError(
        "write the host alone; address ranges go under allowed_ips, paths into rules");
  }
  return absl::OkStatus();
}

absl::Status CheckPolicyPath(std::string_view path) {
  constexpr size_t kLongest = 4096;  // PATH_MAX
  if (!path.starts_with('/')) {
    return absl::InvalidArgumentError(
        "must be an absolute path; '~' and variables are not expanded");
  }
  if (path.size() > kLongest) return absl::InvalidArgumentError("longer than 4096 bytes");
  if (HasControl(path)) return absl::InvalidArgumentError("control characters are not allowed");
  for (size_t start = 1; start <= path.size();) {
    const size_t end = std::min(path.find('/', start), path.size());
    if (path.substr(start, end - start) == "..") {
      return absl::InvalidArgumentError("must not hold \"..\"; write where it leads to");
    }
    start = end + 1;
  }
  return absl::OkStatus();
}

absl::Status CheckNotRoot(std::string_view name) {
  const bool digits = !name.empty() && name.find_first_not_of("0123456789") == name.npos;
  if (digits) {
    // The last one stands for "no change" in setresuid(2).
    const bool zero = name.find_first_not_of('0') == name.npos;
    const bool fits = name.size() < 10 || (name.size() == 10 && name < "4294967295");
    if (!zero && fits && name[0] != '0') return absl::OkStatus();
    return absl::InvalidArgumentError(zero ? "must not be root"
                                           : "must be a name, or a number from 1 to 4294967294");
  }
  if (name == "root") return absl::InvalidArgumentError("must not be root");
  // useradd(8), of shadow-utils.
  const bool good = !name.empty() && name.size() <= 32 && !(name[0] >= '0' && name[0] <= '9') &&
                    name[0] != '-' && std::all_of(name.begin(), name.end(), [](char c) {
                      return IsLetterOrDigit(c) || c == '_' || c == '-' || c == '.';
                    });
  if (good) return absl::OkStatus();
  return absl::InvalidArgumentError("must be a name, or a number from 1 to 4294967294");
}

// Lower case for what an operator names, so that no two types differ in case alone.
absl::Status CheckProviderName(std::string_view name) {
  const bool good = !name.empty() && name.size() <= kMaxName && IsLower(name[0]) &&
                    std::all_of(name.begin(), name.end(), [](char c) {
                      return IsLower(c) || (c >= '0' && c <= '9') || c == '-';
                    });
  if (good) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "must be lower-case letters, digits and '-', beginning with a letter, at most 64");
}

absl::Status CheckPropertyName(std::string_view name) {
  if (name == "value") {
    return absl::InvalidArgumentError("\"value\" has a meaning of its own in templates");
  }
  if (name.size() <= kMaxName && CheckVariable(name).ok()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "must be letters, digits and '_', not beginning with a digit, at most 64");
}

absl::Status CheckProvidedFile(std::string_view path) {
  if (path.starts_with("~/")) path.remove_prefix(1);
  if (!path.starts_with('/') || path.ends_with('/')) {
    return absl::InvalidArgumentError("must be a file's absolute path, or begin with \"~/\"");
  }
  return CheckPolicyPath(path);
}

// A name as a regular expression that does not mind case: "[Hh][Oo][Ss][Tt]".
std::string CaselessRegex(std::string_view name) {
  std::string result;
  for (const char c : name) {
    if (c >= 'a' && c <= 'z') {
      result += fmt::format("[{}{}]", static_cast<char>(c - 'a' + 'A'), c);
    } else if (c == '*') {
      result += ".*";
    } else {
      result += c;
    }
  }
  return result;
}

constexpr std::string_view kTokenRegex = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";

}  // namespace

absl::Status CheckText(std::string_view text, TextForm form) {
  switch (form) {
    case TextForm::kArgument:
      if (text.find('\0') == text.npos) return absl::OkStatus();
      return absl::InvalidArgumentError("an argument cannot hold NUL");
    case TextForm::kMethod:
      if (IsToken(text)) return absl::OkStatus();
      return absl::InvalidArgumentError("not a method, such as \"GET\"");
    case TextForm::kPathGlob:
      return CheckPathGlob(text);
    case TextForm::kVariable:
      return CheckVariable(text);
    case TextForm::kAbsolutePath:
      if (text.starts_with('/') && text.find('\0') == text.npos) return absl::OkStatus();
      return absl::InvalidArgumentError(
          "must be an absolute path; '~' and variables are not expanded");
    case TextForm::kHeaderName:
      return CheckHeaderName(text);
    case TextForm::kPlaceholder:
      return CheckPlaceholder(text);
    case TextForm::kPolicyHost:
      return CheckPolicyHost(text);
    case TextForm::kPolicyPath:
    case TextForm::kBinaryGlob:
      return CheckPolicyPath(text);
    case TextForm::kMethodOrAny:
      if (IsToken(text)) return absl::OkStatus();
      return absl::InvalidArgumentError("not a method, such as \"GET\", nor \"*\" for any");
    case TextForm::kNotRoot:
      return CheckNotRoot(text);
    case TextForm::kProviderName:
      return CheckProviderName(text);
    case TextForm::kPropertyName:
      return CheckPropertyName(text);
    case TextForm::kProvidedFile:
      return CheckProvidedFile(text);
    case TextForm::kLines:
      if (std::none_of(text.begin(), text.end(), [](char c) {
            return c != '\n' && c != '\t' && HasControl(std::string_view(&c, 1));
          })) {
        return absl::OkStatus();
      }
      return absl::InvalidArgumentError("control characters are not allowed, save line feeds");
    case TextForm::kParameterGlob:
      if (!HasControl(text)) return absl::OkStatus();
      return absl::InvalidArgumentError("control characters are not allowed");
    case TextForm::kAny:
    case TextForm::kPattern:
    case TextForm::kCidr:
    case TextForm::kTemplate:
      if (text.empty()) return absl::InvalidArgumentError("must not be empty");
      if (!HasControl(text)) return absl::OkStatus();
      return absl::InvalidArgumentError("control characters are not allowed");
  }
  return absl::OkStatus();
}

std::string TextFormRegex(TextForm form) {
  switch (form) {
    case TextForm::kAny:
      return R"(^[^\u0000-\u001f\u007f]+$)";
    case TextForm::kArgument:
      return R"(^[^\u0000]*$)";
    case TextForm::kPattern:
      return R"(^(~[^\u0000-\u001f\u007f]+|[^~\u0000-\u0020\u007f%@][^\u0000-\u0020\u007f%@]*)$)";
    case TextForm::kCidr:
      return R"(^[0-9A-Fa-f:.]+(/[0-9]{1,3})?$)";
    case TextForm::kMethod:
      return fmt::format("^{}$", kTokenRegex);
    case TextForm::kPathGlob:
      return R"(^/[^?#\u0000-\u001f\u007f]*$)";
    case TextForm::kVariable:
      return "^[A-Za-z_][A-Za-z0-9_]*$";
    case TextForm::kAbsolutePath:
      return R"(^/[^\u0000]*$)";
    case TextForm::kHeaderName: {
      std::string forbidden;
      for (const std::string_view name : ForbiddenHeaders()) {
        if (!forbidden.empty()) forbidden += '|';
        forbidden += CaselessRegex(name);
      }
      return fmt::format("^(?!({})$){}$", forbidden, kTokenRegex);
    }
    case TextForm::kTemplate:
      return R"(^[^\u0000-\u001f\u007f]*\$\{[^\u0000-\u001f\u007f]*\}[^\u0000-\u001f\u007f]*$)";
    case TextForm::kPolicyHost:
      return R"(^[^~/\u0000-\u0020\u007f%@][^/\u0000-\u0020\u007f%@]*$)";
    case TextForm::kPolicyPath:
    case TextForm::kBinaryGlob:
      return R"(^(?!.*/\.\.(/|$))/[^\u0000-\u001f\u007f]*$)";
    case TextForm::kMethodOrAny:
      return fmt::format("^{}$", kTokenRegex);
    case TextForm::kNotRoot:
      return "^(?!root$)([A-Za-z_.][A-Za-z0-9_.-]{0,31}|[1-9][0-9]{0,9})$";
    case TextForm::kParameterGlob:
      return R"(^[^\u0000-\u001f\u007f]*$)";
    case TextForm::kProviderName:
      return "^[a-z][a-z0-9-]{0,63}$";
    case TextForm::kPropertyName:
      return "^(?!value$)[A-Za-z_][A-Za-z0-9_]{0,63}$";
    case TextForm::kProvidedFile:
      return R"(^(?!.*/\.\.(/|$))~?/[^\u0000-\u001f\u007f]*[^/\u0000-\u001f\u007f]$)";
    case TextForm::kLines:
      return R"(^[^\u0000-\u0008\u000b-\u001f\u007f]*$)";
    case TextForm::kPlaceholder:
      return fmt::format("^[!-~]{{{},{}}}$", kMinPlaceholder, kMaxPlaceholder);
  }
  return "";
}

}  // namespace sallyport::rules

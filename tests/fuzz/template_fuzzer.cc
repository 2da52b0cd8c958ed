// A template, an empty line, then a value. Whatever parses renders, uses its value, and expands
// nothing in it; and paths have one normal form.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "rules/credential_rule.h"
#include "rules/template.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sallyport::rules;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t end = text.find("\n\n");
  const std::string_view format = text.substr(0, end);
  const std::string_view value = end == text.npos ? std::string_view() : text.substr(end + 2);

  const absl::StatusOr<Template> parsed = Template::Parse(format, {"value"});
  if (parsed.ok()) {
    if (parsed->text() != format || parsed->Names().size() != 1) std::abort();
    const sallyport::SecretString rendered = parsed->Render(value);
    // Every filter gives at least as much as it takes.
    if (rendered.size() < value.size()) std::abort();
    const bool filtered = format.find('|') != format.npos;
    if (!filtered && rendered.Reveal().find(value) == std::string_view::npos) std::abort();
  } else if (parsed.status().message().empty()) {
    std::abort();
  }

  const std::optional<std::string> normal = NormalizePath(format);
  if (IsNormalPath(format) != (normal == format)) std::abort();
  if (normal.has_value()) {
    if (NormalizePath(*normal) != normal) std::abort();
    if (*normal != "*" && !GlobMatches("/**", *normal)) std::abort();
    // Against every input as a glob, in bounded time.
    GlobMatches(format, *normal);
    GlobMatches(value.substr(0, 4096), normal->substr(0, 4096));
  }
  return 0;
}

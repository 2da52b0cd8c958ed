#ifndef SALLYPORT_RULES_TEMPLATE_H_
#define SALLYPORT_RULES_TEMPLATE_H_

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/secret.h"

namespace sallyport::rules {

// What a credential rule writes: literal text with ${…} parts, as in "Bearer ${value}" and
// "Basic ${'x-access-token:' value | base64}". Values are never expanded again. Immutable.
class Template {
 public:
  // The template "${value}".
  Template();

  // What to do with names that the caller did not list.
  enum class UnknownNames { kRefuse, kAllow };
  // Gives the value of a name. The view must hold until Render returns, and be the same each time.
  using Lookup = std::function<std::string_view(std::string_view)>;

  // Refuses unknown names and filters, an unclosed part, control bytes, and text that does not use
  // any value. `names` are the names allowed inside ${…}: "value", and where the provider's type is
  // known its properties; where it is not, kAllow takes any. Errors give the place and what would
  // be right, and repeat no more than a short name: somebody may have put a credential there.
  static absl::StatusOr<Template> Parse(std::string_view text,
                                        const std::vector<std::string>& names,
                                        UnknownNames unknown = UnknownNames::kRefuse);

  // For a file rather than a field of a request: lines and tabs are allowed, and no value need be
  // used.
  static absl::StatusOr<Template> ParseFile(std::string_view text,
                                            const std::vector<std::string>& names);

  // The names that Render will ask for, each once.
  std::vector<std::string> Names() const;

  // The text with every name replaced by what `lookup` returns for it. base64 is padded, base64url
  // is not (RFC 4648 §3.2).
  SecretString Render(const Lookup& lookup) const;
  // For templates whose one name is "value".
  SecretString Render(std::string_view value) const;

  // The template as it was written.
  const std::string& text() const { return text_; }

 private:
  friend class TemplateParser;

  enum class Filter { kBase64, kBase64Url, kUrlEncode };
  struct Term {
    bool is_name = false;
    std::string text;
  };
  // A literal has one term and no filter.
  struct Part {
    std::vector<Term> terms;
    std::vector<Filter> filters;
  };

  static SecretString RenderPart(const Part& part, const Lookup& lookup);

  std::string text_;
  std::vector<Part> parts_;
};

// RFC 3986 §2.3: everything but unreserved characters is percent-encoded.
void AppendUrlEncoded(std::string_view text, std::string* out);

}  // namespace sallyport::rules

#endif  // SALLYPORT_RULES_TEMPLATE_H_

#ifndef SALLYPORT_RULES_BUILT_IN_PROVIDER_TYPES_H_
#define SALLYPORT_RULES_BUILT_IN_PROVIDER_TYPES_H_

#include <span>
#include <string_view>

namespace sallyport::rules {

struct EmbeddedText {
  std::string_view name;
  std::string_view text;
};

// The texts of providers/*.yaml, each file named after the type it describes, compiled in so that
// the program needs no file beside it. The build makes the source of this from them.
std::span<const EmbeddedText> BuiltInProviderTypeTexts();

}  // namespace sallyport::rules

#endif  // SALLYPORT_RULES_BUILT_IN_PROVIDER_TYPES_H_

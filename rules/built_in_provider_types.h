#ifndef SALLYPORT_RULES_BUILT_IN_PROVIDER_TYPES_H_
#define SALLYPORT_RULES_BUILT_IN_PROVIDER_TYPES_H_

#include <span>
#include <string_view>

namespace sallyport::rules {

// The texts of providers/*.yaml, compiled in so that the program needs no file beside it. The build
// makes the source of this from them.
std::span<const std::string_view> BuiltInProviderTypeTexts();

}  // namespace sallyport::rules

#endif  // SALLYPORT_RULES_BUILT_IN_PROVIDER_TYPES_H_

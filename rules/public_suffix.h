#ifndef SALLYPORT_RULES_PUBLIC_SUFFIX_H_
#define SALLYPORT_RULES_PUBLIC_SUFFIX_H_

#include <string_view>

namespace sallyport::rules {

// Whether anybody can register names directly under the canonical name `suffix`: "com", "co.uk",
// "github.io" (the Public Suffix List, both its sections). Top-level domains that the list does not
// have, such as "internal" and "test", do not count.
bool IsPublicSuffix(std::string_view suffix);

}  // namespace sallyport::rules

#endif  // SALLYPORT_RULES_PUBLIC_SUFFIX_H_

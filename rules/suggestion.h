#ifndef SALLYPORT_RULES_SUGGESTION_H_
#define SALLYPORT_RULES_SUGGESTION_H_

#include <span>
#include <string>
#include <string_view>

namespace sallyport::rules {

// The candidate that somebody who wrote `word` most likely meant; empty when none is near. Case
// does not count; a beginning of at least three letters does ("env" for "envVar").
std::string_view Nearest(std::string_view word, std::span<const std::string_view> candidates);

// "\"a\", \"b\" or \"c\"".
std::string QuotedList(std::span<const std::string_view> words);

}  // namespace sallyport::rules

#endif  // SALLYPORT_RULES_SUGGESTION_H_

#ifndef SALLYPORT_RULES_GLOB_H_
#define SALLYPORT_RULES_GLOB_H_

#include <string_view>

namespace sallyport::rules {

// Whether `glob` matches the whole of `text`: '*' stands for any run of bytes without `separator`,
// '**' for any run at all, and separator '**' separator also for one separator. Every other byte
// stands for itself. Time at most the product of both sizes, whatever they hold.
bool MatchGlob(std::string_view glob, std::string_view text, char separator);

}  // namespace sallyport::rules

#endif  // SALLYPORT_RULES_GLOB_H_

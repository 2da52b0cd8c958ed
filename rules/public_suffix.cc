#include "rules/public_suffix.h"

#include <libpsl.h>

#include <string>

namespace sallyport::rules {

bool IsPublicSuffix(std::string_view suffix) {
  // Compiled into the library; it needs no file and lives for ever.
  static const psl_ctx_t* const list = psl_builtin();
  if (list == nullptr) return suffix.find('.') == suffix.npos;
  return psl_is_public_suffix2(list, std::string(suffix).c_str(),
                               PSL_TYPE_ANY | PSL_TYPE_NO_STAR_RULE) != 0;
}

}  // namespace sallyport::rules

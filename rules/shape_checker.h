#ifndef SALLYPORT_RULES_SHAPE_CHECKER_H_
#define SALLYPORT_RULES_SHAPE_CHECKER_H_

#include <span>
#include <string>

#include "rules/config_schema.h"
#include "rules/json_document.h"
#include "rules/problem_list.h"

namespace sallyport::rules {

// Holds `object` against `keys`: unknown and repeated keys, wrong types, missing keys, keys that
// exclude or need each other. What strings say is not looked at. `path` is where `object` stands.
void CheckObject(const JsonValue& object, std::span<const ConfigKey> keys, const std::string& path,
                 ProblemList* problems);

}  // namespace sallyport::rules

#endif  // SALLYPORT_RULES_SHAPE_CHECKER_H_

#ifndef SALLYPORT_RULES_YAML_DOCUMENT_H_
#define SALLYPORT_RULES_YAML_DOCUMENT_H_

#include <cstddef>
#include <string_view>

#include "rules/json_document.h"
#include "rules/proxy_config.h"

namespace sallyport::rules {

// Parses one YAML document into the values that JSON has, by YAML 1.2's core schema: "yes" is a
// string. Anchors, aliases, tags and a second document are errors, so that what is read is what
// stands there and a small file cannot stand for a huge one. False with `problem` filled when
// `text` is not that, or has more than `max_bytes`; `problem` repeats nothing of the text. `what`
// it is, "a policy", is for that message.
bool ParseYaml(std::string_view text, std::string_view what, size_t max_bytes, JsonValue* value,
               Problem* problem);

}  // namespace sallyport::rules

#endif  // SALLYPORT_RULES_YAML_DOCUMENT_H_

// Prints the JSON Schema of proxy-config.json, or with the argument "policy" that of policy.yaml,
// or with "provider-type" that of provider types, for the schema tests.

#include <cstdio>
#include <string_view>

#include "rules/policy.h"
#include "rules/provider_type.h"
#include "rules/proxy_config.h"

int main(int argc, char** argv) {
  using namespace sallyport::rules;
  const std::string_view which = argc > 1 ? argv[1] : "";
  const std::string schema = which == "policy"          ? PolicySchema()
                             : which == "provider-type" ? ProviderTypeSchema()
                                                        : ProxyConfigSchema();
  return std::fwrite(schema.data(), 1, schema.size(), stdout) == schema.size() ? 0 : 1;
}

// Prints the JSON Schema of proxy-config.json, or with the argument "policy" that of policy.yaml,
// for the schema tests.

#include <cstdio>
#include <string_view>

#include "rules/policy.h"
#include "rules/proxy_config.h"

int main(int argc, char** argv) {
  using namespace sallyport::rules;
  const bool policy = argc > 1 && std::string_view(argv[1]) == "policy";
  const std::string schema = policy ? PolicySchema() : ProxyConfigSchema();
  return std::fwrite(schema.data(), 1, schema.size(), stdout) == schema.size() ? 0 : 1;
}

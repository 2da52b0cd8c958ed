// Prints the JSON Schema of proxy-config.json for schema_test.py.

#include <cstdio>

#include "rules/proxy_config.h"

int main() {
  const std::string schema = sallyport::rules::ProxyConfigSchema();
  return std::fwrite(schema.data(), 1, schema.size(), stdout) == schema.size() ? 0 : 1;
}

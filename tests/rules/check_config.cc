// Reads JSON documents from standard input, one a line, and prints for each whether the parser of
// proxy-config.json takes it ("good" or "bad"), for schema_test.py.

#include <iostream>
#include <string>

#include "rules/proxy_config.h"

int main() {
  std::string line;
  while (std::getline(std::cin, line)) {
    const auto parsed = sallyport::rules::ParseProxyConfig(line);
    std::cout << (parsed.rules != nullptr ? "good" : "bad") << '\n';
  }
  return 0;
}

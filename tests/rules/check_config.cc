// Reads JSON documents from standard input, one a line, and prints for each whether the parser of
// proxy-config.json, or with the argument "policy" that of policy.yaml, takes it ("good" or "bad"),
// for the schema tests.

#include <iostream>
#include <string>
#include <string_view>

#include "rules/policy.h"
#include "rules/proxy_config.h"

int main(int argc, char** argv) {
  using namespace sallyport::rules;
  const bool policy = argc > 1 && std::string_view(argv[1]) == "policy";
  std::string line;
  while (std::getline(std::cin, line)) {
    const bool good =
        policy ? ParsePolicy(line).policy != nullptr : ParseProxyConfig(line).rules != nullptr;
    std::cout << (good ? "good" : "bad") << '\n';
  }
  return 0;
}

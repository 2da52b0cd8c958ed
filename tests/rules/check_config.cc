// Reads JSON documents from standard input, one a line, and prints for each whether the parser of
// proxy-config.json, or with the argument "policy" that of policy.yaml, or with "provider-type"
// that of provider types, takes it ("good" or "bad"), for the schema tests.

#include <iostream>
#include <string>
#include <string_view>

#include "rules/policy.h"
#include "rules/provider_type.h"
#include "rules/proxy_config.h"

int main(int argc, char** argv) {
  using namespace sallyport::rules;
  const std::string_view which = argc > 1 ? argv[1] : "";
  std::string line;
  while (std::getline(std::cin, line)) {
    const bool good = which == "policy"          ? ParsePolicy(line).policy != nullptr
                      : which == "provider-type" ? ParseProviderType(line).type != nullptr
                                                 : ParseProxyConfig(line).rules != nullptr;
    std::cout << (good ? "good" : "bad") << '\n';
  }
  return 0;
}

// policy.yaml as an attacker would write it: the parser ends, says what is wrong or gives a policy
// that answers, and never lets a request around a deny rule that a plainer spelling meets.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "rules/credential_rule.h"
#include "rules/policy.h"

namespace {

using sallyport::IpAddress;
using namespace sallyport::rules;

const std::string kBinaries[] = {"/usr/bin/git"};

void AskOf(const Policy& policy, const Authority& authority) {
  const NetworkPolicy& network = policy.network;
  const NetworkDecision host = network.DecideFor(authority, kBinaries);
  if (host.by.empty() || host.allowed == host.endpoints.empty()) std::abort();
  for (const std::string_view sent :
       {"/", "/v1/a%2Fb?x=1&y=%zz", "/a/../b;c/.;x?q", "//repos//%70"}) {
    const size_t question = std::min(sent.find('?'), sent.size());
    const auto path = NormalizePath(sent.substr(0, question));
    if (!path.has_value()) std::abort();
    const std::string_view query = sent.substr(std::min(question + 1, sent.size()));
    for (const std::string_view method : {"GET", "POST", "BREW"}) {
      const RequestDecision request = network.DecideRequest(host, method, *path, query);
      if (request.by.empty()) std::abort();
      if (request.allowed && !host.allowed) std::abort();
      if (request.allowed == request.endpoints.empty()) std::abort();
      if (!request.allowed && host.allowed && request.refusal == RequestRefusal::kNone) {
        std::abort();
      }
      for (const std::string_view text : {"192.0.2.1", "10.0.0.1", "169.254.169.254", "::1"}) {
        const IpAddress address = *IpAddress::Parse(text);
        const AddressDecision refused = {.allowed = false, .by = "x", .by_default = true};
        const bool opened = network.JudgeAddress(address, request.endpoints, refused).allowed;
        if (opened && (text == "169.254.169.254" || text == "::1")) std::abort();
      }
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const ParsedPolicy parsed = ParsePolicy(text);
  if ((parsed.policy == nullptr) == parsed.errors.empty()) std::abort();
  for (const Problem& problem : parsed.errors) {
    if (problem.message.empty()) std::abort();
    FormatProblem("policy.yaml", problem);
  }
  if (parsed.policy == nullptr) return 0;
  const SpawnPolicy& spawn = parsed.policy->spawn;
  for (const auto* paths : {&spawn.filesystem.read_only, &spawn.filesystem.read_write}) {
    for (const std::string& path : *paths) {
      if (!path.starts_with('/') || path.find("/../") != path.npos) std::abort();
      if (paths == &spawn.filesystem.read_write && path == "/") std::abort();
    }
  }
  if (spawn.process.run_as_user == "root" || spawn.process.run_as_user == "0") std::abort();
  for (const std::string_view host : {"api.github.com:443", "a.b.test:80", "10.0.0.1:8080"}) {
    AskOf(*parsed.policy, *ParseAuthority(host, 443));
  }
  return 0;
}

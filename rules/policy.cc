#include "rules/policy.h"

#include <cstdlib>

#include "rules/json_document.h"
#include "rules/policy_reader.h"
#include "rules/yaml_document.h"

namespace sallyport::rules {
namespace {

// /dev/null is writable: what goes there reaches nothing, and half of all scripts write to it.
constexpr std::string_view kRestrictive = R"(# Where no policy was given.
version: 1
filesystem_policy:
  include_workdir: true
  read_only: [/usr, /lib, /lib64, /bin, /sbin, /etc, /proc, /dev/urandom]
  read_write: [/tmp, /dev/null]
landlock:
  compatibility: hard_requirement
network_policies: {}
)";

}  // namespace

ParsedPolicy ParsePolicy(std::string_view text) {
  ParsedPolicy result;
  Problem problem;
  JsonValue root;
  if (!ParseYaml(text, "a policy", kMaxPolicyBytes, &root, &problem)) {
    result.errors.push_back(std::move(problem));
    return result;
  }
  return PolicyReader(root).Read();
}

std::string_view RestrictivePolicyText() { return kRestrictive; }

std::shared_ptr<const Policy> RestrictivePolicy() {
  static const auto& policy = *[] {
    ParsedPolicy parsed = ParsePolicy(kRestrictive);
    if (parsed.policy == nullptr) std::abort();  // compiled in, and tested
    return new std::shared_ptr<const Policy>(std::move(parsed.policy));
  }();
  return policy;
}

}  // namespace sallyport::rules

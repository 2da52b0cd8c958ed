#ifndef SALLYPORT_RULES_CREDENTIAL_RULE_H_
#define SALLYPORT_RULES_CREDENTIAL_RULE_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/template.h"

namespace sallyport::rules {

// Where a rule's value comes from. Which members mean something follows from `kind`.
struct CredentialSource {
  enum class Kind : uint8_t { kEnvVar, kFile, kCommand, kProvider };

  Kind kind = Kind::kEnvVar;
  std::string env_var;
  std::string file;
  std::vector<std::string> command;
  std::chrono::seconds ttl = std::chrono::seconds(300);  // of a command's output
  std::string provider;
  std::string property;
  // Of kProvider without a gateway: the variables of the host's environment that may hold the
  // property, the first that is set counting.
  std::vector<std::string> variables;

  friend bool operator==(const CredentialSource&, const CredentialSource&) = default;
};

enum class ScrubMode : uint8_t { kOff, kOn, kStrict };
enum class TargetKind : uint8_t { kHeader, kQuery };

// One entry of "credentials" in proxy-config.json, checked. Its domain patterns are kept by the
// RuleSet that owns it. Immutable.
struct CredentialRule {
  // Shown in audit, metrics and explain; "credentials[i]" unless the file names it.
  std::string name;
  CredentialSource source;
  TargetKind target_kind = TargetKind::kHeader;
  // The header as the file spells it, or the query parameter.
  std::string target;
  // Its names are "value", and with a provider's property for a source that property and those of
  // `further`.
  Template format;
  struct FurtherValue {
    std::string name;
    // Index into RuleSet::properties().
    uint32_t property = 0;
  };
  std::vector<FurtherValue> further;
  // What the child sees instead of the value; empty: one is made for each run.
  std::string placeholder;
  // Upper case; empty: any.
  std::vector<std::string> methods;
  // Globs over the normalised path; empty: any.
  std::vector<std::string> paths;
  bool required = false;
  bool continues = false;
  bool plaintext = false;
  bool body = false;
  ScrubMode scrub = ScrubMode::kOn;

  // Whether `methods` and `paths` let the request through. `path` is the request's path without
  // its query, as NormalizePath returns it. Allocates nothing.
  bool Matches(std::string_view method, std::string_view path) const;
};

// Whether `glob` ("/v1/**") matches the whole of `path`; '*' stays within a segment, '**' crosses.
bool GlobMatches(std::string_view glob, std::string_view path);

// `path` with unreserved characters percent-decoded, remaining escapes in upper case, characters
// that a path cannot hold escaped, dot segments removed and "//" collapsed (RFC 3986 §6.2.2).
// Nothing when dot segments climb above the root, when ".." follows "//" (readers disagree on what
// it then takes away), when an escape is malformed, or when the path neither begins with '/' nor is
// "*".
std::optional<std::string> NormalizePath(std::string_view path);

// Whether NormalizePath would return `path` itself. Allocates nothing.
bool IsNormalPath(std::string_view path);

}  // namespace sallyport::rules

#endif  // SALLYPORT_RULES_CREDENTIAL_RULE_H_

#ifndef SALLYPORT_RULES_RULE_SET_H_
#define SALLYPORT_RULES_RULE_SET_H_

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "base/ip_address.h"
#include "rules/authority.h"
#include "rules/credential_rule.h"

namespace sallyport::rules {

struct ProviderProperty;
struct ProviderType;

// What the lists say about a host and port, before any DNS query.
struct HostDecision {
  bool allowed = false;
  // TLS to this host is terminated here; otherwise it is tunnelled untouched.
  bool intercept = false;
  // How narrow the allowing pattern was: it widens which resolved addresses may be dialled. An
  // address range counts as exact for the literal hosts it matches.
  bool exact_host = false;
  bool exact_host_and_port = false;
  // What decided: "allowedDomains[2]", "blockedDomains[0]", "policy.default", "metadata host".
  // Lives as long as the RuleSet.
  std::string_view by;
};

struct AddressDecision {
  bool allowed = false;
  // "allowedCIDRs[0]", "blockedCIDRs[3]", "default blockedCIDRs (10.0.0.0/8)", "metadata address",
  // "default", or HostDecision::by where an exact pattern made the exception. Lives as long as the
  // RuleSet.
  std::string_view by;
  // Refused by what holds where the file has no blockedCIDRs: nobody's word, so that a policy may
  // say otherwise.
  bool by_default = false;
};

// A property of a provider that the configuration uses.
struct PropertyInUse {
  std::shared_ptr<const ProviderProperty> property;
  CredentialSource source;
  // Of an attached provider, rather than named by a rule of the file alone.
  bool attached = false;
};

// Indexes into RuleSet::rules(), ascending.
using RuleIndexes = absl::InlinedVector<uint16_t, 8>;

// A whole proxy-config.json, compiled for constant-time decisions. Immutable, so shared between
// threads freely.
class RuleSet {
 public:
  // The configuration of an empty file: everything allowed that the default CIDRs allow, no rules.
  RuleSet();
  ~RuleSet();
  RuleSet(const RuleSet&) = delete;
  RuleSet& operator=(const RuleSet&) = delete;

  // Allocates nothing.
  HostDecision DecideHost(const Authority& authority) const;

  // Judges one resolved address for a host that `host` allowed. IPv4-mapped, NAT64 and 6to4
  // addresses are judged by the IPv4 address they carry.
  AddressDecision JudgeAddress(const IpAddress& address, const HostDecision& host) const;

  // The credential rules whose domain matches, in file order; methods, paths and sources are the
  // caller's to weigh.
  void FindRules(const Authority& authority, RuleIndexes* indexes) const;

  // Whether bypassDomains or bypassCIDRs keep the host from being intercepted. Allocates nothing.
  bool Bypasses(const Authority& authority) const;

  // The ports that the lists and the rules' domains name.
  std::set<uint16_t> NamedPorts() const;

  // Those of the file, then those of the attached providers.
  const std::vector<CredentialRule>& rules() const { return rules_; }
  // Of providers whose type is known; each once.
  const std::vector<PropertyInUse>& properties() const { return properties_; }
  const std::vector<std::shared_ptr<const ProviderType>>& attached() const { return attached_; }
  bool log_allowed() const { return log_allowed_; }
  bool log_blocked() const { return log_blocked_; }

 private:
  friend class ConfigReader;
  struct Tables;

  bool Intercepts(const Authority& authority) const;

  std::vector<CredentialRule> rules_;
  std::vector<PropertyInUse> properties_;
  std::vector<std::shared_ptr<const ProviderType>> attached_;
  std::unique_ptr<Tables> tables_;
  bool log_allowed_ = false;
  bool log_blocked_ = false;
};

}  // namespace sallyport::rules

#endif  // SALLYPORT_RULES_RULE_SET_H_

#ifndef SALLYPORT_PROXY_EXCHANGE_SNAPSHOT_H_
#define SALLYPORT_PROXY_EXCHANGE_SNAPSHOT_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "base/secret.h"
#include "proxy/exchange/body_placeholders.h"
#include "proxy/scrub/scrub_set.h"
#include "rules/placeholder.h"
#include "rules/policy.h"
#include "rules/rule_set.h"

namespace sallyport::proxy {

// A rule's secret, in the forms that requests need.
struct RuleCredential {
  // False: the source is set up but cannot be had now, and a request that needs it fails.
  bool available = true;
  // As the source gave it: what a placeholder becomes.
  SecretString raw;
  // The rule's format filled in; for a query target percent-encoded.
  SecretString written;
  // What replies are searched for; empty where the rule says not to.
  scrub::ScrubSet scrub;
};

// Everything an exchange reads of the configuration, at one moment. Immutable; a new one takes its
// place as a whole, and exchanges keep the one they began with.
struct Snapshot {
  std::shared_ptr<const rules::RuleSet> rules;
  // What has to let a request pass too; null: there is no policy.
  std::shared_ptr<const rules::Policy> policy;
  // By rule; null where the source was never set, and the rule is skipped.
  std::vector<std::shared_ptr<const RuleCredential>> credentials;
  rules::PlaceholderIndex placeholders;
  // Of these, the ones that are looked for in bodies.
  BodyPlaceholders body_placeholders;
};

}  // namespace sallyport::proxy

#endif  // SALLYPORT_PROXY_EXCHANGE_SNAPSHOT_H_
